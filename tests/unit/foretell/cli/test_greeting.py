import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from foretell import home
from foretell.cli.greeting import ExampleRequest, base_url, example_requests, greeting
from shared.contracts.call import new_key
from shared.contracts.rows import ContactRow
from shared.settings import Settings
from shared.store import Database, open_database


def test_the_greeting_holds_a_request_that_can_be_pasted(tmp_path: Path) -> None:
    home.write_private(tmp_path / "keys" / "demo", "fk_secret\n")
    question = ExampleRequest("demo", tmp_path / "keys" / "demo", "/score", '{"contacts": [{"id": "it\'s"}]}')

    said = greeting(Settings(home=tmp_path), "http://127.0.0.1:8000", [question])

    assert f'curl -s http://127.0.0.1:8000/score -H "Authorization: Bearer $(cat {tmp_path}/keys/demo)"' in said
    assert """-d '{"contacts": [{"id": "it'"'"'s"}]}'""" in said
    assert "http://127.0.0.1:8000/docs" in said


def test_a_journal_learns_where_the_key_lies_and_not_the_key(tmp_path: Path) -> None:
    home.write_private(tmp_path / "keys" / "default", "fk_secret\n")

    said = greeting(Settings(home=tmp_path), "http://127.0.0.1:8000", [])

    assert f"in {tmp_path}/keys/default" in said
    assert "fk_secret" not in said


def test_a_person_at_a_terminal_sees_the_key_and_a_link_that_signs_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = new_key().text
    home.write_private(tmp_path / "keys" / "default", f"{key}\n")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)

    text = greeting(Settings(home=tmp_path), "http://127.0.0.1:8000", [])

    assert key in text
    assert "http://127.0.0.1:8000/console/enter?link=" in text


def test_without_a_model_the_greeting_says_what_to_do(tmp_path: Path) -> None:
    said = greeting(Settings(home=tmp_path), "http://127.0.0.1:8000", [])

    assert "foretell demo" in said
    assert "foretell train scoring" in said


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),  # noqa: S104 - nothing is bound
        ("::1", "http://[::1]:80"),
        ("box.local", "http://box.local:80"),
    ],
)
def test_the_address_is_one_that_this_machine_can_reach(host: str, url: str) -> None:
    assert base_url(host, 80) == url


def test_a_question_nobody_answers_is_not_answered(tmp_path: Path) -> None:
    home.write_private(tmp_path / "keys" / "demo", "fk_secret\n")

    assert not ExampleRequest("demo", tmp_path / "keys" / "demo", "/score", "{}").is_answered("http://127.0.0.1:9")


def test_the_greeting_asks_every_capability_that_has_an_answer(tmp_path: Path) -> None:
    home.write_private(tmp_path / "keys" / "demo", "fk_secret\n")
    asked = [
        ExampleRequest(
            "demo", tmp_path / "keys" / "demo", "/score", '{"contacts": [{"id": "a"}], "outcome": "redeem"}'
        ),
        ExampleRequest(
            "demo", tmp_path / "keys" / "demo", "/churn-risk", '{"contacts": [{"id": "a"}], "outcome": "lapse"}'
        ),
    ]

    said = greeting(Settings(home=tmp_path), "http://127.0.0.1:8000", asked)

    assert said.count("curl -s ") == 2
    assert said.index("/score") < said.index("/churn-risk")
    assert said.count("Try it in another terminal:") == 1
    assert "Key of demo" in said


CREATED = 1_700_000_000_000_000


@pytest.fixture
def database(tmp_path: Path, migrated_files: Path) -> Iterator[Database]:
    shutil.copytree(migrated_files, tmp_path, dirs_exist_ok=True)
    database = open_database(Settings(home=tmp_path))
    yield database
    database.close()


def trained(database: Database, account: str, *models: tuple[str, str], home_folder: Path, contacts: int = 1) -> None:
    database.create_account(account, created_at=CREATED)
    home.write_private(home_folder / "keys" / account, "fk_secret\n")
    store = database.of(account)
    store.contacts.put_bulk([ContactRow(f"{account}-{n}", CREATED) for n in range(contacts)], recorded_at=CREATED)
    for capability, outcome in models:
        store.models.promote(capability, outcome, "1", "d" * 64, at=CREATED, reason="tried")


def asked(home_folder: Path) -> list[tuple[str, str, dict[str, object]]]:
    return [(one.account, one.path, json.loads(one.body)) for one in example_requests(Settings(home=home_folder))]


def test_each_capability_of_one_account_is_tried_once_in_the_order_of_the_table(
    database: Database, tmp_path: Path
) -> None:
    models = (("churn", "lapse"), ("scoring", "redeem"), ("scoring", "customer"))
    trained(database, "acme", *models, home_folder=tmp_path)

    found = asked(tmp_path)

    assert [(account, path) for account, path, _ in found] == [("acme", "/score"), ("acme", "/churn-risk")]
    assert found[1][2] == {"contacts": [{"id": "acme-0"}], "outcome": "lapse"}


def test_an_example_commits_nothing(database: Database, tmp_path: Path) -> None:
    trained(database, "acme", ("messages", "clicked"), home_folder=tmp_path)

    (found,) = asked(tmp_path)

    assert found[1:] == (
        "/next-best-message",
        {"contacts": [{"id": "acme-0"}], "outcome": "clicked", "purpose": "preview"},
    )


def test_the_sample_is_shown_before_other_accounts_and_nobody_is_mixed_in(database: Database, tmp_path: Path) -> None:
    trained(database, "acme", ("scoring", "customer"), ("churn", "churn"), home_folder=tmp_path)
    trained(database, "demo", ("churn", "lapse"), home_folder=tmp_path)

    assert [(account, path) for account, path, _ in asked(tmp_path)] == [("demo", "/churn-risk")]


def test_an_account_without_a_key_here_or_without_contacts_is_left_out(database: Database, tmp_path: Path) -> None:
    trained(database, "acme", ("churn", "churn"), home_folder=tmp_path, contacts=0)
    trained(database, "beta", ("churn", "churn"), home_folder=tmp_path)
    (tmp_path / "keys" / "beta").unlink()

    assert asked(tmp_path) == []
