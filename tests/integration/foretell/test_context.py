from collections.abc import Iterator
from pathlib import Path

import pytest

from foretell.cli.context import ensure_account, ensure_key, identity_key, named_model, opened_database
from shared.contracts.rows import now_us
from shared.errors import BadRequest, Conflict, NotAuthenticated
from shared.settings import Settings
from shared.store import Database


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[tuple[Settings, Database]]:
    with opened_database(Settings(home=tmp_path / "var")) as both:
        yield both


def test_a_key_file_is_made_once_for_its_owner_alone(opened: tuple[Settings, Database]) -> None:
    settings, database = opened

    text = ensure_key(database, settings, "default")

    path = settings.keys_folder / "default"
    assert path.read_text() == f"{text}\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert ensure_key(database, settings, "default") == text
    assert len(database.of("default").keys.all()) == 1


def test_a_revoked_key_stays_revoked(opened: tuple[Settings, Database]) -> None:
    settings, database = opened
    text = ensure_key(database, settings, "default")
    database.of("default").keys.revoke(text.split("_")[1], now_us())

    with pytest.raises(Conflict, match="is revoked or another account's"):
        ensure_key(database, settings, "default")


def test_another_accounts_key_file_is_refused(opened: tuple[Settings, Database]) -> None:
    settings, database = opened
    ensure_account(database, "acme")
    text = ensure_key(database, settings, "default")
    (settings.keys_folder / "acme").write_text(text)

    with pytest.raises(Conflict, match="another account's"):
        ensure_key(database, settings, "acme")


def test_a_key_file_that_holds_something_else_is_refused(opened: tuple[Settings, Database]) -> None:
    settings, database = opened
    settings.keys_folder.mkdir()
    (settings.keys_folder / "default").write_text("hello")

    with pytest.raises(NotAuthenticated, match="not a Foretell key"):
        ensure_key(database, settings, "default")


def test_addresses_are_hashed_under_the_key_that_was_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FORETELL_IDENTITY_KEY", "i" * 32)

    assert identity_key(Settings(home=tmp_path)) == b"i" * 32


def test_on_a_server_the_key_has_to_be_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("FORETELL_IDENTITY_KEY", raising=False)

    with pytest.raises(BadRequest, match="FORETELL_IDENTITY_KEY is not set"):
        identity_key(Settings(home=tmp_path, store_url="postgresql+psycopg://localhost/none"))


@pytest.mark.parametrize("text", ["redeem", "scoring.redeem", "acme.scoring.redeem"])
def test_a_model_is_named_by_its_outcome_or_as_it_is_listed(text: str) -> None:
    assert named_model(text, "acme", "scoring") == ("acme", "scoring", "redeem")


@pytest.mark.parametrize("text", ["segmentation", "acme.segmentation"])
def test_a_model_without_outcome_is_named_by_its_capability(text: str) -> None:
    assert named_model(text, "acme", "scoring") == ("acme", "segmentation", "")


def test_a_model_as_listed_names_its_account() -> None:
    assert named_model("demo.scoring.redeem", "default", "scoring")[0] == "demo"


@pytest.mark.parametrize("text", ["sendtime", "acme.sendtime"])
def test_a_model_without_outcomes_is_named_by_its_capability_alone(text: str) -> None:
    assert named_model(text, "acme", "scoring") == ("acme", "sendtime", "")
