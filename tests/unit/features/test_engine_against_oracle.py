"""The engine answers as the oracle does, on whatever hypothesis thinks of."""

from collections.abc import Callable
from dataclasses import fields
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.rows import DAY, HOUR
from shared.features import FeatureSet, engine, matrix
from shared.timeline import ContactFacts, EventTuple, Pasts, build
from tests.unit.features.worlds import (
    CONTACTS,
    CUTOFF,
    FEATURES,
    ITEMS,
    TYPES,
    WHOLE,
    World,
    assert_same,
    lasting,
    worlds,
)


@given(world=worlds(), features=st.sampled_from((FEATURES, WHOLE)))
@lasting
def test_every_kind_of_feature_is_what_the_oracle_counts(
    world: World, features: FeatureSet, oracle: Callable[..., float]
) -> None:
    found = world.answers(features=features)
    joined = features.whole_orders
    wanted = np.array(
        [
            [oracle(feature, name, cutoff, world.facts, world.rows, joined) for feature in features.features]
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


@given(world=worlds(), pairs=st.integers(1, 60), features=st.sampled_from((FEATURES, WHOLE)))
@lasting
def test_the_size_of_blocks_changes_nothing(world: World, pairs: int, features: FeatureSet) -> None:
    with patch.object(engine, "PAIRS_PER_BLOCK", pairs):
        in_blocks = world.answers(features=features)
    assert_same(world.answers(features=features), in_blocks)


@given(world=worlds())
@lasting
def test_orders_exported_by_line_and_by_order_are_the_same_orders(world: World) -> None:
    by_line = tuple(row for row in world.rows if row[2] == "order_placed" and row[8] != 0)
    by_order: dict[tuple[str, int], EventTuple] = {}
    for row in sorted(by_line, key=lambda row: row[4] if row[4] is not None and row[4] == row[4] else np.inf):
        before = by_order.setdefault((row[0], row[3]), (*row[:4], None, *row[5:8], 1))
        if row[4] is not None and row[4] == row[4]:
            by_order[row[0], row[3]] = (*before[:4], (before[4] or 0.0) + row[4], *before[5:])

    lines = World(world.facts, by_line, world.frames).answers(features=WHOLE)
    orders = World(world.facts, tuple(by_order.values()), world.frames).answers()

    of_orders = [at for at, one in enumerate(FEATURES.features) if one.kind not in ("distinct", "last_item")]
    np.testing.assert_allclose(lines[:, of_orders], orders[:, of_orders], rtol=1e-9, atol=1e-6)


def test_of_an_order_that_begins_before_the_newest_5000_events_only_the_lines_among_them_count(
    oracle: Callable[..., float],
) -> None:
    rows = [("a", str(n), "order_placed", CUTOFF - DAY - n // 3, 1.0, None, None, None, 1) for n in range(5_100)]
    some = WHOLE.take([WHOLE.names.index(name) for name in ("count-order_placed-7", "value_sum-order_placed-7")])

    found = matrix(some, build(["a"], {}, [rows]), np.zeros(1, dtype=np.int32), np.array([CUTOFF]))

    assert found.tolist() == [[1_667.0, 5_000.0]]
    assert found[0].tolist() == [oracle(one, "a", CUTOFF, {}, rows, WHOLE.whole_orders) for one in some.features]


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
