"""Holdouts in the store, what is read past them, and their report counted by hand."""

import json
from pathlib import Path

import pytest

from shared.batches.request import ContactSelection
from shared.batches.selection import lines_of
from shared.contracts.holdout import Holdout
from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY, ContactRow, EventRow
from shared.errors import BadRequest, Conflict, NotFound, UnknownOutcome
from shared.lift.holdout_report import measure_of, report_of
from shared.store import AccountStore, Database, PredictionFilter, PredictionRow, place_of
from shared.store.holdouts import MAX_ACTIVE
from tests.stores import hashing

BEGUN = 100 * DAY
SPRING = Holdout("spring", "0f" * 16, 0.5, "scoring", "customer", BEGUN, None)
IDS = [f"c-{number:02}" for number in range(20)]
HELD = [one for one in IDS if SPRING.holds(one)]
FREE = [one for one in IDS if one not in HELD]


@pytest.fixture
def store(database: Database) -> AccountStore:
    return database.of("default").acting("command line", at=BEGUN)


def prediction(contact_id: str, *, at: int = BEGUN - 1, **more: object) -> PredictionRow:
    body = json.dumps({"contact_id": contact_id, "membership": 0.7})
    row = PredictionRow(contact_id, "scoring", "customer", "1", at, at, "r", "ok", 0.5, 50, "high", "model", body, None)
    return row._replace(**more)  # type: ignore[arg-type]


def test_a_holdout_is_listed_until_it_is_released_and_found_ever_after(database: Database, store: AccountStore) -> None:
    store.experiments.holdouts.create(SPRING)
    polled = database.holdouts()
    released = store.experiments.holdouts.release("spring", at=BEGUN + 5)
    again = store.experiments.holdouts.release("spring", at=BEGUN + 9)

    assert polled == {"default": (SPRING,)}
    assert released == again == SPRING._replace(released_at=BEGUN + 5)
    assert (store.experiments.holdouts.find("spring"), store.experiments.holdouts.all(), database.holdouts()) == (
        released,
        [released],
        {},
    )
    assert [(one.action, one.target) for one in store.audit.page(10)] == [
        ("holdout.released", "spring"),
        ("holdout.created", "spring"),
    ]


def test_a_name_is_used_once_and_of_another_name_there_is_nothing(store: AccountStore) -> None:
    store.experiments.holdouts.create(SPRING)

    with pytest.raises(Conflict, match="used once"):
        store.experiments.holdouts.create(SPRING._replace(salt="00"))
    with pytest.raises(NotFound):
        store.experiments.holdouts.release("autumn", at=BEGUN)
    assert store.experiments.holdouts.find("autumn") is None


def test_an_outcome_that_is_not_defined_is_refused_since_nobody_would_be_held_out(store: AccountStore) -> None:
    with pytest.raises(UnknownOutcome, match="Known: customer, opportunity"):
        store.experiments.holdouts.create(SPRING._replace(outcome="custmer"))

    assert store.experiments.holdouts.all() == []


def test_only_so_many_are_active_at_once(store: AccountStore) -> None:
    for number in range(MAX_ACTIVE):
        store.experiments.holdouts.create(SPRING._replace(name=f"h-{number}"))

    with pytest.raises(Conflict, match="release one first"):
        store.experiments.holdouts.create(SPRING)


def test_one_that_is_over_by_itself_holds_nobody_out(store: AccountStore) -> None:
    store.experiments.holdouts.create(SPRING._replace(until=BEGUN + 5))

    assert [len(store.experiments.holdouts.active("scoring", "customer", at=at)) for at in (BEGUN + 4, BEGUN + 5)] == [
        1,
        0,
    ]
    assert store.experiments.holdouts.active("churn", "churn", at=BEGUN) == ()


def test_predictions_older_than_the_holdout_are_not_read_any_more(store: AccountStore) -> None:
    store.predictions.log([prediction(one, score=number + 1) for number, one in enumerate(IDS)])
    store.experiments.holdouts.create(SPRING)

    listed, after = [], None
    wanted = PredictionFilter("scoring", "customer")
    while page := store.predictions.page(wanted, limit=3, after=after):
        listed += [row.contact_id for row in page]
        after = place_of(page[-1])
    (held,), (free,) = (store.predictions.of_contact(one) for one in (HELD[0], FREE[0]))

    assert listed == FREE[::-1]
    assert (held.status, held.probability, held.score, held.band, held.source) == ("control", *[None] * 4)
    assert json.loads(held.body)["status"] == "control"
    assert (free.status, free.probability) == ("ok", 0.5)


def test_counts_are_of_those_who_are_listed(store: AccountStore) -> None:
    rows = [prediction(one, score=number + 1) for number, one in enumerate(IDS)]
    store.predictions.log([*rows, prediction("c-50", status="no_consent", score=None)])
    before = store.predictions.score_counts("scoring", "customer", "1")
    store.experiments.holdouts.create(SPRING)

    counted = store.predictions.score_counts("scoring", "customer", "1")

    assert len(before) == 20
    assert counted == {IDS.index(one) + 1: 1 for one in FREE}
    assert store.predictions.statuses("scoring", "customer") == {
        "ok": len(FREE),
        "control": len(HELD),
        "no_consent": 1,
    }


def test_a_segment_does_not_tell_who_of_it_is_held_out(store: AccountStore) -> None:
    filed = {"capability": "segmentation", "outcome": "", "segment": "s1", "score": None}
    store.predictions.log([prediction(one, **filed) for one in IDS] + [prediction(one) for one in IDS])
    store.experiments.holdouts.create(SPRING._replace(capability="segmentation", outcome=""))

    members = [row.contact_id for row in store.segments.members("s1", limit=6)]
    rest = [row.contact_id for row in store.segments.members("s1", limit=20, after=members[-1])]
    scored = store.predictions.page(PredictionFilter("scoring", "customer", segment="s1"), limit=20)
    every = store.predictions.page(PredictionFilter("scoring", "customer"), limit=20)

    assert members + rest == FREE
    assert [row.contact_id for row in scored] == FREE
    assert len(every) == 20


def test_a_segment_has_all_members_again_once_the_holdout_is_over_by_itself(
    database: Database, store: AccountStore
) -> None:
    filed = {"capability": "segmentation", "outcome": "", "segment": "s1", "score": None}
    store.predictions.log([prediction(one, **filed) for one in IDS])
    store.experiments.holdouts.create(SPRING._replace(capability="segmentation", outcome="", until=BEGUN + 5))
    worker, members = database.of("default"), ContactSelection("segment", segment="s1")

    during, after = (
        [json.loads(line)["id"] for line in lines_of(worker, members, Path(), cutoff=at, recorded_at=at)]
        for at in (BEGUN + 4, BEGUN + 5)
    )

    assert (during, after) == (FREE, IDS)


def test_what_is_withheld_is_kept_in_the_log_alone_and_erased_with_the_contact(database: Database) -> None:
    store = hashing(database.of("default"), b"an identity key of the tests, long enough")
    store.contacts.put([ContactRow("c-1")], recorded_at=1)
    nothing = {"status": "control", "probability": None, "score": None, "band": None, "source": None}
    store.predictions.log([prediction("c-1", withheld_probability=0.4321, **nothing)])

    exported = json.loads(b"".join(store.privacy.export("c-1", at=BEGUN)))
    (latest,) = store.predictions.of_contact("c-1")
    store.privacy.erase("c-1", at=BEGUN)

    assert [one["withheld_probability"] for one in exported["predictions"]] == [0.4321]
    assert "0.4321" not in json.dumps(exported["latest_predictions"])
    assert (latest.status, latest.withheld_probability) == ("control", None)
    assert list(store.predictions.first_probabilities("scoring", "customer", (0, 2 * BEGUN))) == []


def orders(contact_id: str, *days: float, value: float | None = 10.0, human: int | None = 1) -> list[EventRow]:
    return [
        EventRow(contact_id, f"o-{day}", "order_placed", BEGUN + round(day * DAY), BEGUN, value, human=human)
        for day in days
    ]


def test_a_report_counts_everybody_on_the_side_where_they_were_drawn(store: AccountStore) -> None:
    store.contacts.put([ContactRow(one, 1) for one in IDS], recorded_at=1)
    store.contacts.put([ContactRow("c-99", BEGUN + 40 * DAY)], recorded_at=1)  # came after the end
    store.events.add(
        [
            *orders(HELD[0], 1, 2),
            *orders(HELD[1], -1),  # before
            *orders(HELD[2], 30),  # after the end
            *orders(HELD[3], 3, human=0),  # a machine's
            *orders(FREE[0], 0, 5, 29.9),
            *orders(FREE[1], 4, value=None),
            *orders("c-99", 3),
        ]
    )
    store.predictions.log(
        [
            prediction(HELD[0], at=BEGUN + DAY, status="control", probability=None, withheld_probability=0.2),
            prediction(HELD[0], at=BEGUN + 2 * DAY, status="control", probability=None, withheld_probability=0.6),
            prediction(FREE[0], at=BEGUN + DAY, probability=0.4),
            prediction(FREE[1], at=BEGUN + DAY, probability=0.8),
            prediction(FREE[2], at=BEGUN - DAY),
        ]
    )
    holdout = SPRING._replace(until=BEGUN + 30 * DAY)

    found = report_of(store, holdout, measure_of(store, holdout, ["order_placed"]), now=BEGUN + 60 * DAY)
    running = report_of(store, holdout, measure_of(store, holdout, ["order_placed"]), now=BEGUN + 20 * DAY)

    treated, control = found.treated, found.control
    assert (treated.contacts, control.contacts) == (len(FREE), len(HELD))
    assert (treated.reached, treated.events, treated.value) == (2, 4, 30.0)
    assert (control.reached, control.events, control.value) == (1, 2, 20.0)
    assert (treated.predicted, control.predicted) == (2, 1)
    assert (treated.mean_probability, control.mean_probability) == (pytest.approx(0.6), pytest.approx(0.2))
    assert (found.ended, found.left_out, found.since.day, found.until.day) == (True, 0, 11, 11)
    assert (running.ended, running.treated.mean_probability, running.treated.events) == (False, None, 3)


def test_lines_of_one_order_are_one_order(store: AccountStore) -> None:
    store.contacts.put([ContactRow(one, 1) for one in IDS], recorded_at=1)
    lines = [
        EventRow(HELD[0], f"{kind}-{day}-{line}", kind, BEGUN + day * DAY, BEGUN, 2.0, "EUR")
        for kind, day in (("order_placed", 1), ("order_placed", 2), ("deal_won", 2), ("page_viewed", 2))
        for line in range(3)
    ]
    store.events.add(lines)
    measure = measure_of(store, SPRING, ["order_placed", "deal_won", "page_viewed"])

    found = report_of(store, SPRING, measure, now=BEGUN + 9 * DAY)

    assert (found.control.reached, found.control.events, found.control.value) == (1, 6, 24.0)


def test_facts_about_contacts_are_those_of_the_counted_ones(store: AccountStore) -> None:
    """Of three ids one is stored; one was asked about inline, and one came after the end with an older event."""
    store.contacts.put([ContactRow("c-00", 1), ContactRow("late", BEGUN + 40 * DAY)], recorded_at=1)
    store.events.add([EventRow("late", "w", "deal_won", BEGUN - DAY, BEGUN)])
    store.predictions.log([prediction(one, at=BEGUN + DAY) for one in ("c-00", "inline", "late")])
    holdout = SPRING._replace(until=BEGUN + 30 * DAY)

    found = report_of(store, holdout, measure_of(store, holdout, ()), now=BEGUN + 60 * DAY)

    arms = (found.treated, found.control)
    assert found.left_out == 0
    assert sorted((arm.contacts, arm.predicted) for arm in arms) == [(0, 0), (1, 1)]


def test_the_currency_is_that_of_the_values_and_a_missing_one_is_named(store: AccountStore) -> None:
    store.contacts.put([ContactRow(one, 1) for one in IDS], recorded_at=1)
    order = EventRow(HELD[0], "o-1", "order_placed", BEGUN + DAY, BEGUN, 10.0, "EUR")
    without_value = order._replace(contact_id=FREE[0], value=None, currency="USD")
    without_currency = order._replace(contact_id=FREE[1], value=7.0, currency=None)
    store.events.add([order, without_value, without_currency])

    found = report_of(store, SPRING, measure_of(store, SPRING, ["order_placed"]), now=BEGUN + 2 * DAY)

    assert (found.control.value, found.treated.value) == (10.0, 7.0)
    assert found.warnings[1] == "Values that name no currency: 1; they are added up as EUR."


def test_what_another_holdout_still_withholds_is_in_no_mean(store: AccountStore) -> None:
    """Both hold the first of the held out; the mean of the report that has ended is that of the others."""
    again = SPRING._replace(name="again", share=0.01)
    again = next(
        one
        for number in range(999)
        if (one := again._replace(salt=f"{number:032x}")).holds(HELD[0]) and not any(map(one.holds, IDS[1:]))
    )
    store.contacts.put([ContactRow(one, 1) for one in IDS], recorded_at=1)
    nothing = {"at": BEGUN + DAY, "status": "control", "probability": None}
    store.predictions.log(
        [
            prediction(one, withheld_probability=chance, **nothing)
            for one, chance in zip(HELD[:3], (0.9, 0.1, 0.2), strict=True)
        ]
    )
    ended = SPRING._replace(released_at=BEGUN + 2 * DAY)
    store.experiments.holdouts.create(again)

    found = report_of(store, ended, measure_of(store, ended, ()), now=BEGUN + 3 * DAY)

    assert (found.control.predicted, found.control.mean_probability) == (3, pytest.approx(0.15))


def test_by_default_what_reaches_the_outcome_counts_once(store: AccountStore) -> None:
    store.contacts.put([ContactRow(one, 1) for one in IDS], recorded_at=1)
    won = [(HELD[0], -1), (HELD[1], 1), (FREE[0], 2)]
    store.events.add([EventRow(one, "w", "deal_won", BEGUN + day * DAY, BEGUN) for one, day in won])

    measure = measure_of(store, SPRING, ())
    found = report_of(store, SPRING, measure, now=BEGUN + 10 * DAY)

    assert measure == (("deal_won",), True)
    assert (found.left_out, found.control.contacts, found.control.reached, found.treated.reached) == (
        1,
        len(HELD) - 1,
        1,
        1,
    )


@pytest.mark.parametrize(("capability", "outcome"), [("", ""), ("sendtime", ""), ("churn", "lapsed"), ("scoring", "x")])
def test_without_an_outcome_that_events_reach_a_measure_is_required(
    store: AccountStore, capability: str, outcome: str
) -> None:
    store.outcomes.put(Outcome(name="lapsed", capability="churn", silence=["order_placed"]))

    with pytest.raises(BadRequest, match="event type"):
        measure_of(store, SPRING._replace(capability=capability, outcome=outcome), ())


def test_an_account_that_goes_takes_its_holdouts_along(database: Database, store: AccountStore) -> None:
    store.experiments.holdouts.create(SPRING)

    database.delete_account("default")

    assert database.holdouts() == {}
