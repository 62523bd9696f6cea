"""The engine answers as the oracle does, on whatever hypothesis thinks of."""

from collections.abc import Callable
from dataclasses import fields
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.rows import DAY, HOUR
from shared.features import engine, matrix
from shared.timeline import ContactFacts, Pasts, build
from tests.unit.features.worlds import CONTACTS, CUTOFF, FEATURES, ITEMS, TYPES, World, assert_same, lasting, worlds


@given(world=worlds())
@lasting
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
