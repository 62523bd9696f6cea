"""The engine answers as the oracle does, on whatever hypothesis thinks of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from itertools import product
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.contracts.rows import ALWAYS, DAY, HOUR
from shared.features import Feature, FeatureSet, engine, matrix
from shared.features.feature import DAY_PARTS, WINDOWS_DAYS
from shared.timeline import ContactFacts, DatedValue, EventTuple, Pasts, build

CUTOFF = int(datetime(2010, 11, 9, 7, 30, tzinfo=UTC).timestamp()) * 1_000_000
CONTACTS = ("a", "b", "c")
# St. John's turned its clocks back at 00:01 until 2011, so that a local day begins twice.
ZONES = (None, "UTC", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu")
TYPES = ("email_opened", "email_clicked", "order_placed", "never_declared")
NAMED = ("email_opened", "email_clicked", "email_opened_unverified", "order_placed", "never_happens")
ITEMS = ("pen", "ink", "paper")


"""Lord Howe moves its clocks by half an hour, Kathmandu is 5:45 ahead."""


def every_feature() -> FeatureSet:
    features = [
        Feature(f"{kind}-{name}-{days}", kind, "", "", name, window_days=days)
        for kind in ("count", "value_sum", "value_mean", "active_days")
        for name, days in product((*NAMED, None), WINDOWS_DAYS)
    ]
    features += [
        Feature(f"{kind}-{name}", kind, "", "", name)
        for kind in (
            "days_since_last", "days_since_first", "value_max", "trend", "gap_mean", "overdue",
            "weekend_share", "last_hour", "last_weekday",
        )
        for name in (*NAMED, None)
    ]  # fmt: skip
    features += [
        Feature(f"rate-{one}-{other}", "rate", "", "", one, other, prior=0.3)
        for one, other in (("email_clicked", "email_opened"), ("order_placed", "never_happens"))
    ]
    for name in (*NAMED, None):
        features += [Feature(f"{name}-{part}", "hour_share", "", "", name, part) for part in DAY_PARTS]
        features += [Feature(f"{name}-{what}s", "distinct", "", "", name, what) for what in ("campaign", "item")]
        features.append(Feature(f"{name}-last-item", "last_item", "", "", name, categories=("ink", "pen")))
    features.append(Feature("last-type", "last_type", "", "", categories=("email_clicked", "order_placed")))
    features.append(Feature("known", "known_days", "", ""))
    features += [
        Feature(kind, kind, "", "", attribute="thing", categories=("red", "7"))
        for kind in ("numeric", "boolean", "categorical", "date")
    ]
    return FeatureSet(tuple(features))


FEATURES = every_feature()


@dataclass(frozen=True)
class World:
    """Some contacts, what happened to them, and what is asked."""

    facts: dict[str, ContactFacts]
    rows: tuple[EventTuple, ...]
    frames: tuple[tuple[str, int], ...]

    def pasts(self, rows: Sequence[EventTuple] | None = None) -> Pasts:
        return build(CONTACTS, self.facts, [self.rows if rows is None else rows])

    def answers(self, pasts: Pasts | None = None) -> np.ndarray[Any, Any]:
        contact = np.array([CONTACTS.index(name) for name, _ in self.frames], dtype=np.int32)
        cutoff = np.array([cutoff for _, cutoff in self.frames], dtype=np.int64)
        return matrix(FEATURES, self.pasts() if pasts is None else pasts, contact, cutoff)


EDGES = [-1, 0, 1, *(days * DAY + step for days in WINDOWS_DAYS for step in (-1, 0, 1)), 3 * HOUR, 30 * DAY + HOUR]
ages = st.one_of(
    st.sampled_from(EDGES),
    st.integers(0, 60).map(lambda quarters: quarters * HOUR // 2),
    st.integers(-5 * DAY, 800 * DAY),
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    cutoffs = [CUTOFF, CUTOFF - 3 * HOUR, CUTOFF - 40 * DAY, CUTOFF - 1]
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from((*CONTACTS, "somebody-else")),
                st.none(),
                st.sampled_from(TYPES),
                ages.map(lambda age: CUTOFF - age),
                st.sampled_from((None, float("nan"), 0.0, -0.0, 5.0, -2.5, 0.1, 0.2, 0.3, 1e9)),
                st.sampled_from((None, "m1", "m2")),
                st.sampled_from((None, "spring", "autumn")),
                st.sampled_from((None, *ITEMS)),
                st.sampled_from((None, 1, 0)),
            ),
            max_size=40,
        )
    )
    instants = st.one_of(st.just(ALWAYS), st.sampled_from(cutoffs), ages.map(lambda age: CUTOFF - age))
    values = st.sampled_from(
        (None, "", "Select", "yes", "No", True, False, 7, 2.5, "12.5", "red", " red ", "inf", "2010-03-01",
         "2010-11-30T12:00:00+02:00", "2010-13-01")
    )  # fmt: skip
    facts = {
        name: ContactFacts(
            created_at=draw(st.one_of(st.none(), instants.filter(lambda at: at != ALWAYS))),
            timezone=draw(st.sampled_from(ZONES)),
            attributes=tuple(
                DatedValue("thing", at, draw(values)) for at in draw(st.lists(instants, max_size=4, unique=True))
            ),
        )
        for name in CONTACTS
        if draw(st.booleans())
    }
    frames = draw(st.lists(st.tuples(st.sampled_from(CONTACTS), st.sampled_from(cutoffs)), min_size=1, max_size=6))
    return World(facts, tuple((*row[:1], str(place), *row[2:]) for place, row in enumerate(rows)), tuple(frames))


def assert_same(found: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any]) -> None:
    assert [
        (FEATURES.names[column], row, found[row, column], wanted[row, column])
        for row, column in np.argwhere(~((found == wanted) | (np.isnan(found) & np.isnan(wanted))))
    ] == []


lasting = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@given(world=worlds())
@settings(lasting, max_examples=80)
def test_every_kind_of_feature_is_what_the_oracle_counts(world: World, oracle: Callable[..., float]) -> None:
    found = world.answers()
    wanted = np.array(
        [
            [oracle(feature, name, cutoff, world.facts, world.rows) for feature in FEATURES.features]
            for name, cutoff in world.frames
        ],
        dtype=np.float64,
    )
    far = ~(np.isclose(found, wanted, rtol=1e-9, atol=1e-9) | (np.isnan(found) & np.isnan(wanted)))
    assert [
        (FEATURES.names[column], world.frames[row], found[row, column], wanted[row, column])
        for row, column in np.argwhere(far)
    ] == []


@given(world=worlds())
@lasting
def test_a_batch_equals_its_parts(world: World) -> None:
    whole = world.answers()
    for row, frame in enumerate(world.frames):
        alone = build(frame[:1], world.facts, [world.rows])
        part = matrix(FEATURES, alone, np.zeros(1, dtype=np.int32), np.array([frame[1]]))
        assert_same(whole[row : row + 1], part)


@given(world=worlds(), data=st.data())
@lasting
def test_shuffled_rows_and_other_chunks_change_nothing(world: World, data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(world.rows))
    cut = data.draw(st.integers(0, len(shuffled)))
    assert_same(world.answers(), world.answers(build(CONTACTS, world.facts, [shuffled[:cut], shuffled[cut:]])))


@given(world=worlds())
@lasting
def test_what_lies_at_or_after_the_cutoff_changes_nothing(world: World) -> None:
    whole = world.answers()
    for row, (name, cutoff) in enumerate(world.frames):
        facts = {
            other: ContactFacts(
                fact.created_at,
                fact.timezone,
                fact.consent,
                tuple(value for value in fact.attributes if value.valid_from < cutoff),
            )
            for other, fact in world.facts.items()
        }
        before = World(facts, tuple(event for event in world.rows if event[3] < cutoff), ((name, cutoff),))
        assert_same(whole[row : row + 1], before.answers())


@given(world=worlds())
@lasting
def test_the_whole_scan_and_the_rows_of_two_years_answer_the_same(world: World) -> None:
    whole = world.answers()
    for row, (name, cutoff) in enumerate(world.frames):
        served = tuple(event for event in world.rows if cutoff - 730 * DAY <= event[3] < cutoff)
        assert_same(whole[row : row + 1], World(world.facts, served, ((name, cutoff),)).answers())


@given(world=worlds(), pairs=st.integers(1, 60))
@lasting
def test_the_size_of_blocks_changes_nothing(world: World, pairs: int) -> None:
    with patch.object(engine, "PAIRS_PER_BLOCK", pairs):
        in_blocks = world.answers()
    assert_same(world.answers(), in_blocks)


@given(world=worlds())
@lasting
def test_inputs_are_left_as_they_were(world: World) -> None:
    pasts = world.pasts()
    for column in fields(Pasts):
        values = getattr(pasts, column.name)
        if isinstance(values, np.ndarray):
            values.setflags(write=False)
    contact, cutoff = np.zeros(2, dtype=np.int32), np.array([CUTOFF, CUTOFF - DAY])
    contact.setflags(write=False)
    cutoff.setflags(write=False)
    once = matrix(FEATURES, pasts, contact, cutoff)
    assert_same(once, matrix(FEATURES, pasts, contact, cutoff))


@pytest.mark.parametrize("ties", [False, True])
def test_only_the_newest_5000_events_count(oracle: Callable[..., float], ties: bool) -> None:
    rows = [
        ("a", str(n), TYPES[n % 3], CUTOFF - 1 - hours * HOUR, float(n), None, f"c{n % 7}", ITEMS[n % 2], 1)
        for n, hours in ((n, n // 10 if ties else n) for n in range(5_100))
    ]
    facts = {"a": ContactFacts(timezone="America/New_York")}
    # The oracle is slow with so many events: every eighth feature, and the one that counts them all.
    some = FEATURES.take(sorted({*range(0, len(FEATURES), 8), FEATURES.names.index("count-None-730")}))
    found = matrix(some, build(["a"], facts, [rows]), np.zeros(1, dtype=np.int32), np.array([CUTOFF]))
    wanted = [[oracle(feature, "a", CUTOFF, facts, rows) for feature in some.features]]
    np.testing.assert_allclose(found, wanted, rtol=1e-9)
    assert found[0, some.names.index("count-None-730")] == 5_000


def test_no_frames_give_an_empty_matrix() -> None:
    pasts = build(CONTACTS, {}, [])
    found = matrix(FEATURES, pasts, np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int64))
    assert found.shape == (0, len(FEATURES))
