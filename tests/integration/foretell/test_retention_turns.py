"""The worker's retention turn on real databases."""

from pathlib import Path

from pydantic import SecretStr

from foretell.background.retention import Retention, rules
from shared.contracts.rows import DAY, ContactRow, EventRow
from shared.settings import Settings, WorkerSettings
from shared.store import Database, PastsWanted, PredictionRow, open_database

KEY = b"an identity key of the tests, long enough"
NOW = 20_000 * DAY


def prediction(contact_id: str, at: int) -> PredictionRow:
    return PredictionRow(contact_id, "scoring", "x", "1", at, at, "r", "ok", 0.5, 50, "low", "model", "{}")


def test_one_turn_deletes_all_that_is_too_old_and_what_erased_contacts_left(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    opened = open_database(settings, KEY)
    store = opened.of("default")
    store.contacts.put([ContactRow("gone")], recorded_at=NOW)
    store.privacy.erase("gone", at=NOW - 800 * DAY)
    store.segments.rename("s1", "Regulars", at=NOW - DAY)
    store.events.add([EventRow("a", str(days), "x", NOW - days * DAY, NOW) for days in (1, 1_000)])
    store.predictions.log([prediction("a", NOW - days * DAY) for days in (1, 500)])
    store.predictions.log([prediction("gone", NOW - DAY)])
    asked = WorkerSettings(
        home=tmp_path, signing_key=SecretStr("k" * 32), identity_key=SecretStr("k" * 32), event_retention_days=900
    )

    Retention(opened, rules(asked), lambda: NOW).turn()

    assert store.events.counts("a")["x"].events == 1
    wanted = PastsWanted(["a"], cutoff=NOW, asked_at=NOW)
    assert store.predictions.request_reads("scoring", "x", wanted, around=NOW - 500 * DAY).past_scores == {}
    assert [row.contact_id for row in store.predictions.ranked("scoring", "x", limit=9)] == ["a"]
    assert [entry.action for entry in store.audit.page(9)] == ["segment.renamed"]
    opened.close()
