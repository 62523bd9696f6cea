"""The command line against a migrated SQLite store."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from foretell.cli.app import app
from foretell.cli.context import opened_account
from shared.contracts.call import digest_of
from shared.contracts.input_drift import InputDrift
from shared.settings import Settings
from shared.store import VersionRow, open_database

HEAVY = ("mlflow", "pandas", "lightgbm", "sklearn", "sqlalchemy", "fastapi", "pydantic", "numpy")


def all_commands() -> list[tuple[str, ...]]:
    root = typer.main.get_command(app)
    found: list[tuple[str, ...]] = [()]
    for name, command in root.commands.items():
        found.append((name,))
        found += [(name, inner) for inner in getattr(command, "commands", {})]
    return found


@pytest.mark.parametrize("words", all_commands(), ids=" ".join)
def test_every_command_has_help_with_an_example_and_the_exit_codes(foretell, words: tuple[str, ...]) -> None:
    result = foretell(*words, "--help")

    assert result.exit_code == 0
    assert "Examples:\n    " in result.stdout
    assert "Exit codes: 0 done" in result.stdout


def test_help_loads_nothing_heavy() -> None:
    script = "import sys, foretell.cli.app; print([name for name in sys.argv[1:] if name in sys.modules])"

    ended = subprocess.run([sys.executable, "-c", script, *HEAVY], capture_output=True, text=True, check=True)

    assert ended.stdout.strip() == "[]"


def test_the_version_is_one_line(foretell) -> None:
    assert re.fullmatch(r"foretell [^\n]+\n", foretell("--version").stdout)


def test_the_first_command_makes_the_store_and_the_default_account(foretell) -> None:
    rows = json.loads(foretell("accounts", "list", "--json").stdout)

    assert [row["account"] for row in rows] == ["default"]


def test_an_account_is_made_once(foretell) -> None:
    assert foretell("accounts", "create", "acme").exit_code == 0

    again = foretell("accounts", "create", "acme")

    assert (again.exit_code, again.stderr) == (1, "foretell: The account 'acme' exists already.\n")


def test_an_account_with_a_strange_name_is_wrong_usage(foretell) -> None:
    assert foretell("accounts", "create", "Acme & Co").exit_code == 2


def test_erasing_needs_a_yes(foretell) -> None:
    foretell("accounts", "create", "acme")

    refused = foretell("accounts", "delete", "acme")
    done = foretell("accounts", "delete", "acme", "--yes")

    assert (refused.exit_code, "--yes" in refused.stderr) == (1, True)
    assert done.stdout == "Erased the account acme.\n"
    assert foretell("keys", "list", "--account", "acme").exit_code == 1


def test_a_key_is_shown_once_and_stored_as_its_digest(foretell, home_folder: Path) -> None:
    text = foretell("keys", "create", "--name", "crm", "--scope", "predict").stdout.strip()

    database = open_database(Settings(home=home_folder))
    row = database.key(text.split("_")[1])
    database.close()

    assert row is not None
    assert (row.account, row.scopes, row.digest) == ("default", ("predict",), digest_of(text))
    assert text not in foretell("keys", "list").stdout


def test_a_key_without_scopes_may_do_everything_but_administer(foretell) -> None:
    foretell("keys", "create", "--expires-in", "90d")

    row = json.loads(foretell("keys", "list", "--json").stdout)[0]

    assert row["scopes"] == ["predict", "ingest", "read"]
    assert row["expires_at"] > row["created_at"]


def test_an_unknown_scope_is_wrong_usage(foretell) -> None:
    result = foretell("keys", "create", "--scope", "root")

    assert result.exit_code == 2
    assert "use predict, ingest, read, admin" in result.stderr


def test_a_revoked_key_stays_in_the_list(foretell) -> None:
    public_id = foretell("keys", "create").stdout.split("_")[1]

    assert foretell("keys", "revoke", public_id).exit_code == 1
    assert foretell("keys", "revoke", public_id, "--yes").exit_code == 0
    assert json.loads(foretell("keys", "list", "--json").stdout)[0]["revoked_at"] is not None


def test_a_rotated_key_works_beside_the_new_one_for_a_while(foretell) -> None:
    old = foretell("keys", "create", "--name", "crm", "--scope", "predict").stdout.split("_")[1]

    new = foretell("keys", "rotate", old, "--keep-old-for", "1h").stdout.split("_")[1]

    rows = {row["id"]: row for row in json.loads(foretell("keys", "list", "--json").stdout)}
    assert (rows[new]["name"], rows[new]["scopes"], rows[new]["expires_at"]) == ("crm", ["predict"], None)
    assert rows[old]["expires_at"] > rows[new]["created_at"]


def test_a_key_that_is_not_valid_any_more_is_not_rotated(foretell) -> None:
    old = foretell("keys", "create").stdout.split("_")[1]
    foretell("keys", "revoke", old, "--yes")

    assert "not valid any more" in foretell("keys", "rotate", old).stderr
    assert "has no key 'nope'" in foretell("keys", "rotate", "nope").stderr
    assert "at most 365d" in foretell("keys", "rotate", old, "--keep-old-for", "2000d").stderr


def test_revoking_an_unknown_key_fails(foretell) -> None:
    assert "has no key 'nope'" in foretell("keys", "revoke", "nope", "--yes").stderr


def test_the_account_may_stand_before_or_behind_the_command_or_in_the_environment(
    foretell, monkeypatch: pytest.MonkeyPatch
) -> None:
    foretell("accounts", "create", "acme")
    foretell("accounts", "create", "beta")
    foretell("--account", "acme", "keys", "create", "--name", "before")
    foretell("keys", "create", "--name", "behind", "--account", "acme")
    foretell("--account", "beta", "keys", "create", "--name", "nearer", "--account", "acme")
    monkeypatch.setenv("FORETELL_ACCOUNT", "acme")

    names = [row["name"] for row in json.loads(foretell("keys", "list", "--json").stdout)]

    assert names == ["before", "behind", "nearer"]


def test_an_unknown_account_says_how_to_make_it(foretell) -> None:
    assert "foretell accounts create nobody" in foretell("keys", "list", "--account", "nobody").stderr


def test_an_event_outcome_is_kept_as_it_was_given(foretell, home_folder: Path) -> None:
    words = "outcomes set activated --event a_activated --within 30d --at a_submitted+1h --at a_submitted+2d --default"
    result = foretell(*words.split())

    database = open_database(Settings(home=home_folder))
    outcome = database.of("default").outcomes.find("scoring", "activated")
    database.close()

    assert result.stdout.startswith("activated: a_activated, within 30 days, asked 1 h after a_submitted")
    assert outcome is not None
    assert (outcome.event_types, outcome.horizon_days) == (("a_activated",), 30)
    assert [one.after_seconds for one in outcome.at] == [3_600, 172_800]


def test_the_first_outcome_becomes_the_default_and_another_only_when_requested(foretell) -> None:
    foretell("outcomes", "set", "one", "--event", "order_placed")
    foretell("outcomes", "set", "two", "--attribute", "Converted", "--positive", "1")

    rows = {row["outcome"]: row["default"] for row in json.loads(foretell("outcomes", "list", "--json").stdout)}

    assert rows == {"one": "yes", "two": "", "customer": "", "opportunity": ""}


@pytest.mark.parametrize(
    "words",
    [
        "",
        "--event a --attribute b",
        "--event a --within 36h",
        "--event a --at b+1h --every 7d",
        "--attribute a --within 30d",
        "--attribute a --repeatable",
        "--attribute a --every 7d",
        "--event a --positive 1",
        "--event Not-Snake",
        "--event a --capability fortune",
    ],
)
def test_an_outcome_that_makes_no_sense_is_wrong_usage(foretell, words: str) -> None:
    result = foretell("outcomes", "set", "x", *words.split())

    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1


def test_deleting_a_redefinition_brings_the_built_in_outcome_back(foretell) -> None:
    foretell("outcomes", "set", "customer", "--event", "subscription_started")

    assert foretell("outcomes", "delete", "customer").exit_code == 1
    assert foretell("outcomes", "delete", "customer", "--yes").exit_code == 0
    assert "deal_won or order_placed" in foretell("outcomes", "list").stdout
    assert "is built in" in foretell("outcomes", "delete", "customer", "--yes").stderr


def test_previewing_without_data_is_exit_code_three(foretell) -> None:
    result = foretell("outcomes", "preview", "customer")

    assert result.exit_code == 3
    assert "40" in result.stderr


def test_previewing_an_unknown_outcome_fails(foretell) -> None:
    assert "has no outcome 'nope'" in foretell("outcomes", "preview", "nope").stderr


def test_without_a_model_the_list_says_how_to_train_one(foretell) -> None:
    assert "foretell train scoring" in foretell("models", "list").stdout
    assert foretell("models", "show", "customer").exit_code == 1
    assert foretell("models", "promote", "customer", "3").exit_code == 1
    assert foretell("models", "rollback", "customer").exit_code == 1


def test_training_without_data_is_exit_code_three_and_one_sentence(foretell) -> None:
    result = foretell("train", "scoring", "--outcome", "customer")

    assert result.exit_code == 3
    assert "Traceback" not in result.stderr
    assert "40" in result.stderr.splitlines()[-1]


def test_an_answer_given_to_one_training_is_remembered_and_reported(foretell) -> None:
    trained = foretell("train", "scoring", "--outcome", "customer", "--allow", "Tags", "--forbid", "Stage")
    again = foretell("train", "scoring", "--outcome", "customer", "--allow", "Tags")
    rows = {row["outcome"]: row for row in json.loads(foretell("outcomes", "list", "--json").stdout)}

    assert "Remembered for every training of customer: allowed Tags; forbidden Stage." in trained.stdout
    assert "Remembered" not in again.stdout
    assert (rows["customer"]["allowed"], rows["customer"]["forbidden"]) == (["Tags"], ["Stage"])
    assert rows["customer"]["meaning"].startswith("deal_won or order_placed")


def test_answers_alone_change_nothing_else_of_an_outcome_and_can_be_forgotten(foretell) -> None:
    foretell("outcomes", "set", "won", "--attribute", "Converted", "--positive", "1")

    answered = foretell("outcomes", "set", "won", "--allow", "Tags", "--forbid", "Lead Quality")
    redefined = foretell("outcomes", "set", "won", "--attribute", "Converted")
    forgotten = foretell("outcomes", "set", "won", "--ask-again")

    said = "In every training: allowed Tags; forbidden Lead Quality."
    assert answered.stdout == f"won: attribute Converted is 1. {said}\n"
    assert redefined.stdout == f"won: attribute Converted is true. {said}\n"
    assert forgotten.stdout == "won: attribute Converted is true.\n"


def test_an_attribute_that_no_contact_has_is_named_with_near_ones(foretell, tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_text("id,Lead Quality,Converted\n" + "".join(f"c{n},high,1\n" for n in range(50)))
    foretell("import", "--contacts", str(tmp_path / "leads.csv"), "--static", "all")
    foretell("outcomes", "set", "won", "--attribute", "Converted")

    mistyped = foretell("train", "scoring", "--outcome", "won", "--forbid", "Lead Qualty")
    ruled = foretell("outcomes", "set", "won", "--allow", "Lead Qualty")
    spelled = foretell("outcomes", "set", "won", "--ask-again", "--allow", "lead_quality")
    grouped = foretell("train", "segmentation", "--attribute", "Lead Qualty")

    near = "No contact has an attribute 'Lead Qualty'; near: 'Lead Quality'."
    assert (mistyped.exit_code, grouped.exit_code) == (2, 2)
    assert near in mistyped.stderr
    assert near in grouped.stderr
    assert "Remembered" not in mistyped.stdout
    assert near in ruled.stderr
    assert spelled.stderr == ""


def test_an_answer_about_an_unknown_outcome_is_refused(foretell) -> None:
    assert foretell("outcomes", "set", "nope", "--allow", "Tags").exit_code == 1


def test_training_an_unknown_outcome_lists_the_known_ones(foretell) -> None:
    result = foretell("train", "scoring", "--outcome", "nope")

    assert "customer, opportunity" in result.stderr


def test_migrating_twice_is_fine(foretell) -> None:
    assert foretell("store", "migrate").stdout == "The store is at head.\n"
    assert foretell("store", "migrate").exit_code == 0


def test_a_store_that_is_away_is_one_sentence(foretell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORETELL_STORE_URL", "postgresql+psycopg://nobody:nothing@127.0.0.1:9/none")

    result = foretell("accounts", "list")

    assert result.exit_code == 1
    assert result.stderr.startswith("foretell: The store cannot be reached")
    assert "nothing" not in result.stderr


def test_a_damaged_store_is_one_sentence(foretell, home_folder: Path) -> None:
    foretell("accounts", "list")
    (home_folder / "store.sqlite").write_bytes(b"garbage" * 100)

    result = foretell("accounts", "list")

    assert result.exit_code == 1
    assert "store.sqlite is damaged" in result.stderr


def test_the_openapi_documents_are_written_one_a_capability(foretell, tmp_path: Path) -> None:
    result = foretell("openapi", "--into", str(tmp_path / "documents"))

    assert result.exit_code == 0
    assert "/score" in json.loads((tmp_path / "documents" / "scoring.json").read_text())["paths"]


def test_a_champion_that_mlflow_does_not_know_is_reported(foretell, home_folder: Path, with_registry) -> None:
    foretell("accounts", "create", "acme")
    with_registry(home_folder)
    with opened_account("acme") as (_, _, store):
        store.models.add(VersionRow("scoring", "won", "1", "d" * 64, "rule", "C", 0, 30, "run"))
        store.models.promote("scoring", "won", "1", "d" * 64, at=0, reason="tried")

    result = foretell("models", "list", "--account", "acme")

    assert "acme.scoring.won  1        yes" in result.stdout
    assert "won: Version 1 answers, while MLflow's alias points to none" in result.stderr


def test_a_champion_whose_inputs_have_drifted_is_reported(foretell, home_folder: Path, with_registry) -> None:
    foretell("accounts", "create", "acme")
    with_registry(home_folder)
    with opened_account("acme") as (_, _, store):
        for number in ("1", "2"):
            store.models.add(VersionRow("scoring", "won", number, "d" * 64, "rule", "C", 0, 30, "run"))
            store.models.put_input_drift("scoring", "won", number, InputDrift(200, 30, 60, 0, 0, 9))
        store.models.promote("scoring", "won", "2", "d" * 64, at=0, reason="tried")

    listed = foretell("models", "list", "--account", "acme")
    shown = foretell("models", "show", "won", "--account", "acme")

    message = (
        "15% of version 2's answers rest on inputs outside all that it was shown (30 of 200 contacts): train again."
    )
    assert f"won: {message}" in listed.stderr
    assert "version 1's answers" not in listed.stderr
    assert re.search(r"drifted_inputs +15.0% of the answers", shown.stdout)


def test_frames_of_churn_are_not_exported_and_the_sentence_says_why(foretell, tmp_path: Path) -> None:
    result = foretell("frames", "export", "churn", "--outcome", "churn", "--out", str(tmp_path / "frames"))

    assert result.exit_code == 2
    assert "a curve over periods after the cutoff" in result.stderr
    assert not (tmp_path / "frames").exists()


@pytest.mark.parametrize("verb", ["train", "frames export", "models adopt"])
def test_an_outcome_that_is_not_defined_is_refused_with_the_known_ones(foretell, tmp_path: Path, verb: str) -> None:
    (tmp_path / "model.txt").write_text("tree\n")
    options = {
        "frames export": ("--out", str(tmp_path / "frames")),
        "models adopt": ("--model", str(tmp_path / "model.txt"), "--frames", str(tmp_path)),
    }

    result = foretell(*verb.split(), "scoring", "--outcome", "wonn", *options.get(verb, ()))

    assert result.exit_code == 2
    assert "There is no scoring outcome 'wonn'. Known: customer, opportunity" in " ".join(result.stderr.split())


def test_a_model_without_its_manifest_is_not_adopted(foretell, tmp_path: Path) -> None:
    (tmp_path / "model.txt").write_text("tree\n")

    given = ("--model", str(tmp_path / "model.txt"), "--frames", str(tmp_path))
    result = foretell("models", "adopt", "scoring", "--outcome", "customer", *given)

    assert result.exit_code == 1
    assert "name the folder that `foretell frames export` wrote" in result.stderr


def test_a_registry_server_s_own_pages_are_named(foretell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORETELL_REGISTRY_URL", "http://anna:secret@mlflow:5000")

    assert foretell("mlflow", "ui").stdout == (
        "The registry is a server and shows its own pages: open http://mlflow:5000\n"
    )
