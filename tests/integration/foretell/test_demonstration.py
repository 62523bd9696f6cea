"""The sample, loaded for real into a store."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from foretell import home, sample
from foretell.cli.context import ensure_key, opened_database
from foretell.cli.demonstration import ACCOUNT, NOTES, OUTCOMES, is_answered, is_fresh, load
from shared.registry.artifact import digest_of
from shared.settings import Settings
from shared.store import ChampionRow, Database

DAYS = timedelta(days=1)


@pytest.fixture(scope="module")
def tables() -> sample.Tables:
    """The sample as it is published; to read it takes as long as to load a part of it."""
    return sample.read_tables()


@pytest.fixture(scope="module")
def loaded(tables: sample.Tables, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, Database]]:
    settings = Settings(home=tmp_path_factory.mktemp("sample") / "var")
    with pytest.MonkeyPatch.context() as patch, opened_database(settings) as (_, database):
        patch.setattr(sample, "read_tables", lambda: tables)
        load(settings, database)
        yield settings, database


def test_every_household_basket_mailing_and_redemption_is_there(loaded: tuple[Settings, Database]) -> None:
    _, database = loaded

    counts = {row.type: row.events for row in database.of(ACCOUNT).events.types()}

    assert counts == {"order_placed": 155_848, "campaign_mailed": 6_589, "coupon_redeemed": 2_102}
    assert len(database.of(ACCOUNT).contacts.page(10_000, None)) == 2_469


def test_the_catalogue_knows_every_item_of_a_basket_and_offers_most(loaded: tuple[Settings, Database]) -> None:
    store = loaded[1].of(ACCOUNT)
    bought = {row[7] for part in store.pasts.scan_events() for row in part if row[2] == "order_placed"} - {None}

    assert bought == set(store.items.of(bought))
    assert store.items.catalogue()[1:] == (302, 283)


def test_the_newest_event_lies_within_the_last_seven_days(loaded: tuple[Settings, Database]) -> None:
    _, database = loaded

    newest = database.of(ACCOUNT).events.newest_at()

    assert newest is not None
    assert (
        timedelta(0) <= datetime.now(UTC) - datetime.fromtimestamp(newest / 1e6, UTC) <= 7 * DAYS + timedelta(hours=1)
    )


def test_its_outcomes_are_predicted_by_default(loaded: tuple[Settings, Database]) -> None:
    store = loaded[1].of(ACCOUNT)

    assert store.outcomes.default("scoring") == "redeem"
    for outcome in OUTCOMES:
        assert store.outcomes.default(outcome.capability) == outcome.name
        assert store.outcomes.find(outcome.capability, outcome.name) == outcome


def test_demographics_are_static(loaded: tuple[Settings, Database]) -> None:
    declared = loaded[1].of(ACCOUNT).contacts.static_attributes()

    assert {"age", "income", "household_size"} <= set(declared)


def test_the_move_is_written_down_with_a_contact_that_exists(loaded: tuple[Settings, Database]) -> None:
    settings, database = loaded
    noted = home.notes(settings.home / NOTES)

    assert noted["shift_weeks"] > 400
    assert {"scoring", "churn"} <= set(noted["contacts"])
    assert all(database.of(ACCOUNT).contacts.find(contact) is not None for contact in noted["contacts"].values())


def test_it_is_fresh_for_seven_days_after_its_last_basket(loaded: tuple[Settings, Database]) -> None:
    settings, database = loaded
    last = datetime.fromisoformat(home.notes(settings.home / NOTES)["last_basket_at"])

    assert is_fresh(settings, database, now=last + 7 * DAYS)
    assert not is_fresh(settings, database, now=last + 7 * DAYS + timedelta(seconds=1))


def test_a_home_without_the_sample_is_not_fresh(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "var")

    with opened_database(settings) as (_, database):
        assert not is_fresh(settings, database, now=datetime.now(UTC))


def test_a_key_that_clients_have_outlives_the_store(
    tables: sample.Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, few = Settings(home=tmp_path / "var"), replace(tables, baskets=tables.baskets.tail(2_000))
    monkeypatch.setattr(sample, "read_tables", lambda: few)
    with opened_database(settings) as (_, database):
        load(settings, database)
        text = ensure_key(database, settings, ACCOUNT)

        load(settings, database)

        before = database.of(ACCOUNT).keys.all()
        again = ensure_key(database, settings, ACCOUNT)
        known = database.of(ACCOUNT).keys.all()

    assert before == []
    assert again == text
    assert [row.public_id for row in known] == [text.split("_")[1]]


def test_a_champion_that_this_release_does_not_read_is_trained_anew(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    good = Path(__file__).parents[2] / "contract/golden/scoring/rule"
    kept, old = tmp_path / "kept", tmp_path / "old"
    for folder in (kept, old):
        folder.mkdir()
        for name in ("model.json", "reference.npz"):
            (folder / name).write_bytes((good / name).read_bytes())
    (old / "model.json").write_text(
        (old / "model.json").read_text().replace('"engine_version": 1', '"engine_version": 0')
    )

    assert not is_answered(settings, None)
    assert is_answered(settings, _cached(settings, kept))
    assert not is_answered(settings, _cached(settings, old))


def _cached(settings: Settings, artifact: Path) -> ChampionRow:
    digest = digest_of(artifact)
    settings.cache_folder.mkdir(exist_ok=True)
    artifact.rename(settings.cache_folder / digest)
    return ChampionRow(ACCOUNT, "scoring", "redeem", "1", digest, 0, None, None)
