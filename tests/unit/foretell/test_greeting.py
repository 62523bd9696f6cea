from pathlib import Path

import pytest

from foretell import home
from foretell.greeting import Question, base_url, greeting
from shared.settings import Settings


def test_the_greeting_holds_a_request_that_can_be_pasted(tmp_path: Path) -> None:
    home.write_private(tmp_path / "keys" / "demo", "fk_secret\n")
    question = Question("demo", tmp_path / "keys" / "demo", "/score", '{"contacts": [{"id": "it\'s"}]}')

    said = greeting(Settings(home=tmp_path), "http://127.0.0.1:8000", [question])

    assert f'curl -s http://127.0.0.1:8000/score -H "Authorization: Bearer $(cat {tmp_path}/keys/demo)"' in said
    assert """-d '{"contacts": [{"id": "it'"'"'s"}]}'""" in said
    assert "http://127.0.0.1:8000/docs" in said


def test_a_journal_learns_where_the_key_lies_and_not_the_key(tmp_path: Path) -> None:
    home.write_private(tmp_path / "keys" / "default", "fk_secret\n")

    said = greeting(Settings(home=tmp_path), "http://127.0.0.1:8000", [])

    assert f"in {tmp_path}/keys/default" in said
    assert "fk_secret" not in said


def test_a_person_at_a_terminal_sees_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.write_private(tmp_path / "keys" / "default", "fk_secret\n")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)

    assert "fk_secret" in greeting(Settings(home=tmp_path), "http://127.0.0.1:8000", [])


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

    assert not Question("demo", tmp_path / "keys" / "demo", "/score", "{}").is_answered("http://127.0.0.1:9")
