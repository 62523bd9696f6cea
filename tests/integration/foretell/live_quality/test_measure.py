"""Live quality against a recomputation from the logs in plain Python, on both databases."""

import math
import random
from datetime import UTC, datetime, timedelta

import pytest
from sklearn.metrics import log_loss, roc_auc_score

from foretell.live_quality.joined import unit_of
from foretell.live_quality.measure import measure
from shared.capabilities import capability
from shared.contracts.holdout import Holdout
from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY, ContactRow, EventRow
from shared.store import AccountStore, Database, PredictionRow, VersionRow

START = 1_772_409_600_000_000  # Monday 2 March 2026
NOW = START + 120 * DAY
HORIZON = 14 * DAY
WON = Outcome(name="won", capability="scoring", event_types=("deal_won",), horizon_days=14, repeatable=True)
SCORING = capability("scoring")


def version(number: str = "1", **figures: object) -> VersionRow:
    report = {"data": {"base_rate": 0.3, "judged_base_rate": 0.3}, "reached_by": []}
    row = ("scoring", "won", number, "d", "lightgbm", "A", START - DAY, 14, "run")
    return VersionRow(*row, figures=figures, report=report)


def logged(contact_id: str, cutoff: int, probability: float | None, *, request: str = "r", status: str = "ok",
           number: str = "1") -> PredictionRow:  # fmt: skip
    shown, withheld = (None, probability) if status == "control" else (probability, None)
    row = (contact_id, "scoring", "won", number, cutoff, cutoff, request, status, shown, 50, "low", "model", "{}")
    return PredictionRow(*row, withheld_probability=withheld)


def chance_of(row: PredictionRow) -> float | None:
    return row.probability if row.withheld_probability is None else row.withheld_probability


def event(contact_id: str, at: int, *, human: int | None = 1) -> EventRow:
    return EventRow(contact_id, f"{contact_id}-{at}", "deal_won", at, at, human=human)


def filled(store: AccountStore, contacts: int = 50) -> tuple[list[PredictionRow], list[EventRow]]:
    """Log several predictions a week of some contacts over ten weeks, with events that follow their chance or not."""
    dice = random.Random(7)
    rows, events = [], []
    for number in range(contacts):
        name = f"c-{number:03d}"
        for week in range(10):
            chance = round(dice.uniform(0.02, 0.9), 4)
            cutoff = START + week * 7 * DAY + dice.randrange(4) * DAY
            status = "control" if number % 10 == 0 else "ok"
            rows.append(logged(name, cutoff, chance, status=status))
            rows.append(logged(name, cutoff + DAY, round(dice.random(), 4), request="s"))
            rows.append(logged(name, cutoff, None, request="q", status="no_consent"))
            if dice.random() < chance * 0.4:
                events.append(event(name, cutoff + dice.randrange(20) * DAY, human=0 if dice.random() < 0.1 else 1))
    store.contacts.put([ContactRow(f"c-{number:03d}") for number in range(contacts)], recorded_at=START)
    strangers = [logged("stranger", START + week * 7 * DAY, 0.5) for week in range(4)]
    rows += strangers
    store.predictions.log(rows)
    store.events.add(events)
    return rows, events


def monday(at: int) -> datetime:
    day = datetime.fromtimestamp(at / 1_000_000, tz=UTC).date()
    return datetime.combine(day - timedelta(days=day.weekday()), datetime.min.time())


def naive(
    rows: list[PredictionRow], events: list[EventRow], *, least: float = 0.0
) -> list[tuple[str, object, float, int]]:
    """Return contact, Monday, chance and label of each contact's first closed prediction of a week."""
    until = max(one.occurred_at for one in events) + 1
    first: dict[tuple[str, object], PredictionRow] = {}
    for row in sorted(rows, key=lambda row: (row.cutoff, row.asked_at, row.request_id)):
        if chance_of(row) is not None and row.contact_id != "stranger":
            first.setdefault((row.contact_id, monday(row.cutoff)), row)
    return [
        (name, week, chance_of(row) or 0.0, int(any(
            one.contact_id == name and one.human != 0 and row.cutoff <= one.occurred_at < row.cutoff + HORIZON
            for one in events
        )))
        for (name, week), row in sorted(first.items(), key=lambda item: item[0][0])
        if row.cutoff + HORIZON <= until
    ]  # fmt: skip


def test_live_quality_is_what_the_logs_and_events_say(database: Database) -> None:
    store = database.of("default")
    store.outcomes.put(WON)
    store.models.add(version(skill_over_constant={"value": 0.1, "low": 0.05, "high": 0.2}))
    rows, events = filled(store)
    expected = naive(rows, events)
    labels, chances = [one[3] for one in expected], [one[2] for one in expected]

    found = measure(store, SCORING, "won", now=NOW)

    live = found.all_versions
    assert live is not None
    assert found.versions[0].live == live
    assert (live.predictions, live.contacts, live.positives) == (len(expected), 50, sum(labels))
    assert live.sampled_share == 1.0
    assert live.expected == pytest.approx(sum(chances), abs=1e-3)
    assert live.auc.value == pytest.approx(roc_auc_score(labels, chances), abs=1e-6)
    assert live.log_loss.value == pytest.approx(log_loss(labels, chances), abs=1e-6)
    plain = log_loss(labels, [0.3] * len(labels))
    assert live.skill_over_constant.value == pytest.approx(1 - log_loss(labels, chances) / plain, abs=1e-6)
    top = sorted(zip(chances, labels, strict=True), reverse=True)[: round(len(labels) / 10)]
    lift = sum(label for _, label in top) / len(top) / (sum(labels) / len(labels))
    assert live.lift_at_10_percent.value == pytest.approx(lift, rel=0.05)
    by_week = [(one.starts_on, one.figures.predictions, one.figures.positives) for one in found.weeks]
    weeks = sorted({one[1] for one in expected})
    assert by_week == [
        (week.date(), len(mine := [one[3] for one in expected if one[1] == week]), sum(mine)) for week in weeks
    ]
    assert found.left_out.not_stored == 4
    assert found.left_out.without_probability == 0
    assert found.left_out.repeated >= 450


def test_where_contacts_are_sampled_each_counts_as_many_as_it_stands_for(database: Database) -> None:
    store = database.of("default")
    store.outcomes.put(WON.model_copy(update={"repeatable": True}))
    store.models.add(version())
    rows, events = filled(store, contacts=80)
    every = naive(rows, events)
    reached = {one[0] for one in every if one[3]}

    found = measure(store, SCORING, "won", now=NOW, most=270)

    live = found.all_versions
    assert live is not None
    assert live.sampled_share < 0.75
    kept = None
    for without, with_ in ((a, b) for a in range(5) for b in range(5)):
        limits = {False: 0.5**without, True: 0.5**with_}
        sample = [(one, 1 / limits[one[0] in reached]) for one in every if unit_of(one[0]) < limits[one[0] in reached]]
        if round(sum(weight for _, weight in sample)) == live.predictions and len(sample) <= 270:
            kept = kept or sample
    assert kept is not None
    labels, chances, weights = [one[3] for one, _ in kept], [one[2] for one, _ in kept], [weight for _, weight in kept]
    assert live.positives == round(sum(label * weight for label, weight in zip(labels, weights, strict=True)))
    assert live.auc.value == pytest.approx(roc_auc_score(labels, chances, sample_weight=weights), abs=1e-6)
    assert live.log_loss.value == pytest.approx(log_loss(labels, chances, sample_weight=weights), abs=1e-6)
    assert live.predictions == pytest.approx(len(every), rel=0.5)
    assert not math.isnan(live.calibration_slope.value or math.nan)


def test_what_a_holdout_withholds_counts_once_it_is_over(database: Database) -> None:
    """Of one contact a mean would tell the probability."""
    store = database.of("default")
    store.outcomes.put(WON)
    store.models.add(version())
    holdout = Holdout("spring", "00" * 16, 0.5, "scoring", "won", START - DAY, NOW)
    held = next(name for name in (f"c-{number}" for number in range(99)) if holdout.holds(name))
    store.contacts.put([ContactRow(held)], recorded_at=START)
    store.predictions.log([logged(held, START, 0.4321, status="control")])
    store.events.add([event(held, START + 60 * DAY)])
    store.experiments.holdouts.create(holdout)

    during, after = (measure(store, SCORING, "won", now=now) for now in (NOW - 1, NOW))

    assert (during.all_versions, during.versions, during.left_out.without_probability) == (None, [], 1)
    assert after.all_versions is not None
    assert (after.all_versions.expected_rate, after.left_out.without_probability) == (0.4321, 0)
