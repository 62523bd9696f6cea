"""Learned from contacts that left: whoever got too many mails gets none, and that is a decision as any other."""

from typing import Any

import numpy as np
import pytest

from services.messages.training import RECIPE
from shared.contracts.rows import DAY, HOUR, EventRow
from shared.registry.fetch import artifacts
from shared.registry.registration import MlflowRegistry
from shared.settings import ServiceSettings
from shared.store import AccountStore, Database
from shared.training.recipe import train
from tests.integration.messages.conftest import CLICKED, NOW_US
from tests.integration.messages.test_training import CONTACTS, tried_out

MONTHS = 5
OFTEN, RARELY = 9, 1


def mailed(store: AccountStore) -> None:
    """Send contacts few or many mails a month, as it falls; many drive them away. At the end c-1 got many, c-2 few."""
    draw = np.random.default_rng(5)
    events = []
    for number in range(CONTACTS):
        name, before = f"c-{number}", list[int]()
        for month in range(MONTHS):
            last = month == MONTHS - 1
            often = number % 2 == 1 if last and number < 3 else draw.random() < 0.5
            for mail in range(OFTEN if often else RARELY):
                at = NOW_US - (28 * (MONTHS - month) - 3 * mail - 1) * DAY
                events.append(EventRow(name, f"m-{month}-{mail}", "email_sent", at, at, message_id=f"m-{month}-{mail}"))
                lately = sum(one > at - 28 * DAY for one in before)
                before.append(at)
                if number > 2 and draw.random() < 0.001 + 0.006 * lately:
                    events.append(EventRow(name, f"u-{month}-{mail}", "email_unsubscribed", at + HOUR, at + HOUR))
                    break
            else:
                continue
            break
    store.events.add_bulk(sorted(events, key=lambda row: (row.contact_id, row.event_id)))


@pytest.fixture(scope="module")
def learned(messages_database: Database, service_settings: ServiceSettings) -> Any:
    messages_database.create_account("mailed", created_at=0)
    store = messages_database.of("mailed")
    tried_out(store)
    mailed(store)
    published = train(RECIPE, store, MlflowRegistry.of(service_settings), CLICKED, now=NOW_US)
    named = {"version": published.version, "digest": published.digest, "into": service_settings.cache_folder}
    artifacts(MlflowRegistry.of(service_settings), "mailed", "messages", "clicked", **named)
    return published


async def asked(service: Any, **fields: Any) -> list[Any]:
    async with service() as client:
        body = {"contacts": [{"id": "c-1"}, {"id": "c-2"}], "control_share": 0, "unsubscribe_cost": 1.5, **fields}
        reply = await client.post("/next-best-message", body, account="mailed")
    assert reply.status == 200, reply.body
    return list(reply.json["predictions"])


def test_the_report_says_how_well_losses_are_foretold(learned: Any) -> None:
    pressure = learned.report.pressure

    assert pressure["lost"] >= 50
    assert pressure["rate_loss"] < pressure["constant_loss"]
    assert any("contacts that left" in note for note in learned.report.notes)


async def test_whoever_got_too_many_mails_gets_none(service: Any, learned: Any) -> None:
    over, under = await asked(service, purpose="preview", reasons=1)

    assert (over["status"], over["message"], over["arm"], over["propensity"]) == ("ok", None, "policy", 0.98)
    assert over["net_value"] < 0 < under["net_value"]
    assert over["pressure"] == "over"
    assert over["unsubscribe_interval"]["low"] <= over["unsubscribe_chance"] <= over["unsubscribe_interval"]["high"]
    assert over["reasons"][0]["text"].endswith("one more is expected to cost more than it brings")
    assert under["message"] is not None


async def test_nothing_is_committed_with_its_chance(service: Any, learned: Any, messages_database: Database) -> None:
    answers = await asked(service)

    store = messages_database.of("mailed")
    rows = [row for part in store.experiments.decisions.scan("clicked", NOW_US - DAY, NOW_US + DAY) for row in part]
    found = {row.decision_id: row for row in rows}
    for answer in answers:
        row = found[answer["decision_id"]]
        assert (row.message_id, row.propensity) == (answer["message"], answer["propensity"])
        assert row.candidates == ("", "subject-a", "subject-b", "subject-c")
        assert row.sending in (0.98, 0.02)


async def test_whoever_ignores_frequency_gets_a_message(service: Any, learned: Any) -> None:
    answers = await asked(service, purpose="preview", frequency="ignore")

    assert all(answer["message"] is not None and answer["pressure"] is None for answer in answers)
