"""`foretell data report` on imported files: what a person reads, what a script reads, and what it tells one to type."""

import json
import shlex
from pathlib import Path

from typer.testing import CliRunner

from foretell.cli.app import app

CONTACTS = "id,plan,country,e-mail alias,won\n" + "".join(
    f"c-{number},{('free', 'pro')[number % 2]},{('de', 'fr', 'us')[number % 3]},,{'yes' if number % 5 == 0 else 'no'}\n"
    for number in range(150)
)
EVENTS = "contact_id,type,occurred_at\n" + "".join(
    f"c-{number},page_viewed,2026-0{month}-1{number % 10}T08:00:00Z\n" for number in range(150) for month in range(1, 7)
)


def imported(foretell, folder: Path) -> None:  # type: ignore[no-untyped-def]
    (folder / "contacts.csv").write_text(CONTACTS)
    (folder / "events.csv").write_text(EVENTS)
    files = ("--contacts", str(folder / "contacts.csv"), "--events", str(folder / "events.csv"))
    assert foretell("import", *files).exit_code == 0
    assert foretell("outcomes", "set", "won", "--attribute", "won").exit_code == 0


def test_an_import_is_reported_in_words_and_as_the_object_of_the_api(foretell, tmp_path: Path) -> None:
    imported(foretell, tmp_path)

    read, scripted = foretell("data", "report"), foretell("data", "report", "--json")
    report = json.loads(scripted.stdout)

    assert (read.exit_code, scripted.exit_code) == (0, 0)
    assert read.stdout.startswith("default: 150 contacts, 5.3 months of events\n")
    with_outcome = {(one["outcome"], one["needed"]): one["found"] for one in report["requirements"]}
    assert with_outcome["won", "contacts_with_outcome"] == 30
    assert with_outcome["won", "contacts_without_outcome"] == 120
    assert {one["code"] for one in report["findings"]} >= {"few_with_outcome", "attribute_undated", "few_timezones"}


def test_the_counts_are_those_of_the_preview_of_training(foretell, tmp_path: Path) -> None:
    imported(foretell, tmp_path)
    foretell("outcomes", "set", "came", "--event", "page_viewed", "--within", "20d", "--repeatable")
    foretell("outcomes", "set", "quiet", "--capability", "churn", "--silence", "page_viewed", "--for", "30d")

    report = json.loads(foretell("data", "report", "--json").stdout)
    found = {(one["outcome"], one["needed"]): one["found"] for one in report["requirements"]}

    for name, capability in (("came", "scoring"), ("quiet", "churn"), ("won", "scoring")):
        shown = foretell("outcomes", "preview", name, "--capability", capability, "--json")
        (counts,) = json.loads(shown.stdout)
        assert counts["contacts_with"] == found[name, "contacts_with_outcome"]
        assert counts["contacts_without"] == found[name, "contacts_without_outcome"]


def test_every_command_that_it_names_exists_with_its_options(foretell, tmp_path: Path) -> None:
    imported(foretell, tmp_path)

    commands = [one["command"] for one in json.loads(foretell("data", "report", "--json").stdout)["findings"]]

    for command in filter(None, commands):
        words = shlex.split(command)[1:]
        options = {word for word in words if word.startswith("--")}
        names = (
            [word for word in words[:2] if not word.startswith("-") and word != words[0]]
            if words[0] != "import"
            else []
        )
        shown = CliRunner().invoke(app, [words[0], *names, "--help"], env={"COLUMNS": "200"})
        assert shown.exit_code == 0, command
        assert all(option in shown.stdout for option in options), command


def test_contacts_who_denied_profiling_make_no_sample_of_the_others(foretell, tmp_path: Path) -> None:
    imported(foretell, tmp_path)
    (tmp_path / "denied.csv").write_text("id,consent_profiling\nc-7,denied\n")
    foretell("import", "--contacts", str(tmp_path / "denied.csv"))

    report = foretell("data", "report")

    assert "denied by under 1%" in report.stdout
    assert "a sample" not in report.stdout
