"""Trained from logged decisions, gated by what it would have earned, served over the catalogue as it is."""

import asyncio
import re
from collections import Counter
from typing import Any

import numpy as np
import pytest

from foretell.cli.training_report import report_lines
from services.messages.training import RECIPE
from shared.contracts.decision import DecisionRow
from shared.contracts.rows import DAY, HOUR, AttributeRow, ContactRow, EventRow
from shared.errors import InsufficientData
from shared.registry.fetch import artifacts
from shared.registry.registration import MlflowRegistry
from shared.settings import ServiceSettings
from shared.store import AccountStore, Database
from shared.training.recipe import train
from tests.integration.messages.conftest import CLICKED, NOW_US, SUBJECTS, answered, declare

CONTACTS, WEEKS = 300, 4
CLICKS = {("FR", "subject-c"): 0.6, ("DE", "subject-a"): 0.6}
"""By country and message; all others 10 %."""


def tried_out(store: AccountStore, *, weeks: int = WEEKS) -> None:
    """Send every contact a message a week by equal chances; who lives where decides what is clicked."""
    draw, since, names = np.random.default_rng(7), NOW_US - 200 * DAY, sorted(SUBJECTS)
    countries = {f"c-{number}": "FR" if number % 2 else "DE" for number in range(CONTACTS)}
    store.contacts.put(
        [
            ContactRow(name, since, attributes=(AttributeRow("country", country, since),))
            for name, country in countries.items()
        ],
        recorded_at=since,
    )
    decisions, events = [], []
    for number, (name, country) in enumerate(countries.items()):
        events.append(EventRow(name, f"seen-{number}", "page_viewed", NOW_US - (number % 90 + 1) * DAY, NOW_US))
        for week in range(weeks):
            at = NOW_US - (10 + 7 * week) * DAY + number * 1_000_000
            message, id_ = names[int(draw.integers(3))], f"t-{number}-{week}"
            decisions.append(DecisionRow(id_, name, "clicked", "", "", message, "policy", 1 / 3, tuple(names), "0", at))
            if draw.random() < CLICKS.get((country, message), 0.1):
                events.append(EventRow(name, f"k-{id_}", "email_clicked", at + HOUR, NOW_US, message_id=id_))
    declare(store, **{name: {"attributes": {"topic": topic}} for name, topic in SUBJECTS.items()})
    store.experiments.decisions.add_imported(decisions)
    store.events.add_bulk(sorted(events, key=lambda row: (row.contact_id, row.event_id)))


@pytest.fixture(scope="module")
def learned(messages_database: Database, service_settings: ServiceSettings) -> Any:
    messages_database.create_account("learned", created_at=0)
    store = messages_database.of("learned")
    tried_out(store)
    published = train(RECIPE, store, MlflowRegistry.of(service_settings), CLICKED, now=NOW_US)
    named = {"version": published.version, "digest": published.digest, "into": service_settings.cache_folder}
    artifacts(MlflowRegistry.of(service_settings), "learned", "messages", "clicked", **named)
    return published


@pytest.fixture
def store(messages_database: Database, learned: Any) -> AccountStore:
    return messages_database.of("learned")


def test_what_surely_earns_more_than_equal_chances_is_promoted(learned: Any) -> None:
    report = learned.report

    assert (learned.promoted, learned.reason, report.grade) == (
        True,
        "first version; it surely does not earn less than equal chances",
        "C",  # fewer than 200 contacts brought something
    )
    assert report.figures["gain_over_equal_chances"].low > 0.15
    assert report.figures["gain_over_best_message"].low > 0


def test_the_report_says_in_words_what_a_send_would_have_earned(learned: Any) -> None:
    lines = report_lines(learned, "learned.messages.clicked", details=True)

    assert lines[0] == "learned.messages.clicked version 1: grade C"
    found = next(line for line in lines if "Of 100 later sends" in line)
    assert re.search(r"sends \d\S* would have reached it by this version, \d\S* by equal chances\.", found)
    assert any("the best single message, subject-" in line for line in lines)


async def test_each_contact_gets_what_earns_most_with_it(service: Any, store: AccountStore) -> None:
    async with service() as client:
        body = {"contacts": [{"id": "c-1"}, {"id": "c-2"}], "purpose": "preview", "control_share": 0}
        reply = await client.post("/next-best-message", body, account="learned")

    french, german = reply.json["predictions"]
    assert (french["message"], german["message"]) == ("subject-c", "subject-a")
    assert french["expected_reward"] == pytest.approx(0.6, abs=0.12)
    assert french["interval"]["low"] < 0.6 < french["interval"]["high"]
    assert "Country: FR" in [reason["text"] for reason in french["reasons"]]
    assert reply.json["model"]["kind"] == "thompson"


async def test_a_version_replaces_equal_chances_as_soon_as_it_is_promoted(
    service: Any, learned: Any, account: AccountStore
) -> None:
    body = {"contacts": [{"id": "c-1"}], "purpose": "preview"}
    async with service() as client:
        before = await client.post("/next-best-message", body, account=account.account)
        account.models.promote("messages", "clicked", learned.version, learned.digest, at=NOW_US, reason="for the test")
        champions = client.app.state.service.champions
        await champions.poll()
        await champions.settled()
        after = await client.post("/next-best-message", body, account=account.account)

    assert [reply.json["model"]["version"] for reply in (before, after)] == ["0", learned.version]


async def test_a_new_message_is_tried_out_by_what_its_attributes_promise(service: Any, store: AccountStore) -> None:
    declare(store, subject_new={"attributes": {"topic": "news"}})
    async with service() as client:
        body = {"contacts": [{"id": "c-1"}, {"id": "c-2"}], "purpose": "preview", "control_share": 0, "runner_ups": 10}
        reply = await client.post("/next-best-message", body, account="learned")
    store.experiments.messages.delete(["subject-new"], at=NOW_US)

    french, german = [
        next(one for one in contact["runner_ups"] if one["message"] == "subject-new")
        for contact in reply.json["predictions"]
    ]
    assert french["chance"] > 0.05
    assert french["expected_reward"] > german["expected_reward"]


def test_a_second_training_without_newer_decisions_leaves_the_champion(
    learned: Any, store: AccountStore, service_settings: ServiceSettings
) -> None:
    again = train(RECIPE, store, MlflowRegistry.of(service_settings), CLICKED, now=NOW_US)

    assert (again.promoted, again.decided, again.digest) == (False, False, learned.digest)


def test_too_few_decisions_are_refused_in_counts(
    messages_database: Database, service_settings: ServiceSettings
) -> None:
    messages_database.create_account("beginner", created_at=0)

    with pytest.raises(InsufficientData, match="Still needed: 200 more sent messages") as refused:
        train(RECIPE, messages_database.of("beginner"), MlflowRegistry.of(service_settings), CLICKED, now=NOW_US)

    assert refused.value.members["decisions"] == 0


async def test_sends_whose_window_is_open_are_named_with_the_instant_when_the_first_count(
    client: Any, account: AccountStore, service_settings: ServiceSettings
) -> None:
    await answered(client, "c-1", "c-2", control_share=0)

    with pytest.raises(InsufficientData, match="2 more count once their window is over, the first from ") as refused:
        train(RECIPE, account, MlflowRegistry.of(service_settings), CLICKED, now=NOW_US + DAY)

    assert refused.value.members["waiting"] == 2


async def test_callers_at_once_get_their_own_contacts_decisions_and_pass_no_cap(
    service: Any, store: AccountStore
) -> None:
    names = [f"c-{number}" for number in range(200, 240)]
    body = {"control_share": 0, "contact_cap_per_week": 1}

    async with service() as client:
        calls = [
            client.post("/next-best-message", {"contacts": [{"id": name}], **body}, account="learned")
            for _ in range(3)
            for name in names
        ]
        replies = await asyncio.gather(*calls)

    answers = [reply.json["predictions"][0] for reply in replies]
    made = {one["decision_id"]: (one["contact_id"], one["message"]) for one in answers if one["status"] == "ok"}
    rows = [row for part in store.experiments.decisions.scan("clicked", NOW_US, NOW_US + DAY) for row in part]
    assert [one["contact_id"] for one in answers] == names * 3
    assert Counter(one["status"] for one in answers) == {"ok": 40, "capped": 80}
    kept = {row.decision_id: (row.contact_id, row.message_id) for row in rows if row.contact_id in names}
    assert kept == made
