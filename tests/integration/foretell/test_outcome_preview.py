"""What a preview counts is what a training would learn from, though it reads a small part of it."""

import random

import pytest

from foretell.cli.outcome_preview import counted
from services.specs import recipe_of, spec_of
from shared.contracts.outcome import Moment, Outcome
from shared.contracts.rows import DAY, AttributeRow, ContactRow, EventRow
from shared.data_report.account_sample import account_sample
from shared.data_report.outcome_preview import preview
from shared.errors import InsufficientData
from shared.store import AccountStore, Database
from shared.timeline.pasts import Frames
from shared.training.material import scanned, scanned_for_frames

NOW = 20_000 * DAY
HUMAN = (None, 0, 1)
TYPES = ("email_opened", "email_clicked", "page_viewed", "order_placed", "subscription_started")
OUTCOMES = [
    Outcome(name="grid", capability="scoring", event_types=("deal_won", "order_placed"), horizon_days=30),
    Outcome(name="again", capability="scoring", event_types=("order_placed",), horizon_days=30, repeatable=True),
    Outcome(
        name="moments",
        capability="scoring",
        event_types=("order_placed",),
        horizon_days=20,
        repeatable=True,
        at=(Moment(event_type="email_clicked", after_seconds=3_600), Moment(event_type="page_viewed", after_seconds=0)),
    ),
    Outcome(
        name="lately", capability="scoring", event_types=("email_opened",), horizon_days=14, every_days=5,
        active_within_days=9, repeatable=True,
    ),
    Outcome(name="unverified", capability="scoring", event_types=("email_opened_unverified",), horizon_days=20),
    Outcome(name="flat", capability="scoring", attribute="plan", positive="pro"),
    Outcome(name="mistyped", capability="scoring", attribute="plam"),
    Outcome(name="absent", capability="scoring", event_types=("order_place",)),
    Outcome(name="short", capability="scoring", event_types=("order_placed",), horizon_days=300),
    Outcome(name="silent", capability="churn", silence=("order_placed", "page_viewed"), horizon_days=30),
    Outcome(name="cancelled", capability="churn", event_types=("subscription_cancelled",)),
    Outcome(name="left", capability="churn", attribute="left"),
    Outcome(name="churn", capability="churn"),
]  # fmt: skip


def random_account(store: AccountStore, seed: int) -> None:
    """Fill it: machines and unknown makers, contacts without a date, refusals, events of nobody known."""
    chance = random.Random(seed)
    contacts = [
        ContactRow(
            f"c{n}",
            chance.choice((None, NOW - chance.randrange(500) * DAY)),
            consent={"profiling": "denied"} if chance.random() < 0.1 else {},
            attributes=(
                AttributeRow("plan", chance.choice(("pro", "basic", "")), NOW - chance.randrange(90) * DAY),
                AttributeRow("left", chance.choice((0, 1)), None),
            ),
        )
        for n in range(260)
    ]
    types = (*TYPES, "subscription_cancelled") if seed % 2 else TYPES
    events = [
        EventRow(
            f"c{chance.randrange(265)}", f"e{n}", chance.choice(types), NOW - chance.randrange(400 * 24) * DAY // 24,
            NOW, chance.choice((None, 5.0)), human=chance.choice(HUMAN),
        )
        for n in range(2_500)
    ]  # fmt: skip
    store.contacts.put_bulk(contacts, recorded_at=NOW)
    store.events.add_bulk(events)


def framed(store: AccountStore, outcome: Outcome, *, whole: bool) -> Frames | InsufficientData:
    pasts = scanned(store, with_events=not outcome.attribute) if whole else scanned_for_frames(store, outcome)
    frames = recipe_of(spec_of(outcome.capability)).frames
    assert frames is not None
    try:
        return frames(outcome, pasts, NOW)
    except InsufficientData as refusal:
        return refusal


def plain(found: Frames | InsufficientData) -> object:
    if isinstance(found, InsufficientData):
        return (found.detail, found.members)
    return (found.contact.tolist(), found.cutoff.tolist(), found.label.tolist())


@pytest.mark.parametrize("seed", [1, 2])
def test_frames_labels_and_refusals_are_those_of_a_training(database: Database, seed: int) -> None:
    store = database.of("default")
    random_account(store, seed)

    whole = {one.name: plain(framed(store, one, whole=True)) for one in OUTCOMES}
    fast = {one.name: plain(framed(store, one, whole=False)) for one in OUTCOMES}

    assert fast == whole
    assert isinstance(framed(store, OUTCOMES[0], whole=False), Frames)
    assert sum(isinstance(framed(store, one, whole=False), InsufficientData) for one in OUTCOMES) >= 3


@pytest.mark.parametrize("seed", [1, 2])
def test_the_api_counts_whom_a_training_counts(database: Database, seed: int) -> None:
    store = database.of("default")
    random_account(store, seed)
    sample = account_sample(store, now=NOW)

    previewed = {one.name: [found.found for found in preview(sample, one).requirements[:2]] for one in OUTCOMES}
    counted_there = {one.name: counted(store, one, now=NOW) for one in OUTCOMES}

    assert previewed == {
        name: [counts.contacts_with or 0, counts.contacts_without or 0] for name, counts in counted_there.items()
    }
