"""Few contacts one by one: the same numbers as the engine's, and as the oracle's of both."""

import gc
import weakref
from collections.abc import Callable
from typing import cast, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.rows import DAY, HOUR
from shared.features import Feature, FeatureSet, Inputs, Kind, matrix, truncated, truncated_of, values_of
from shared.features.feature import ATTRIBUTE_KINDS
from shared.features.scalar import scalar_plan
from shared.timeline import FURTHER_FIELDS, ContactFacts, ContactPast, ContactPasts, EventTuple, build
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


def scalar_answers(world: World, features: FeatureSet = FEATURES) -> np.ndarray:
    """Ask about every frame of a world, one after the other."""
    plan = scalar_plan(features.plan)
    past_of = dict(zip(CONTACTS, ContactPasts(CONTACTS, world.facts, world.rows).one_by_one, strict=True))
    return np.array([plan.row(past_of[name], cutoff) for name, cutoff in world.frames])


@given(world=worlds(), features=st.sampled_from([FEATURES, WHOLE]))
@lasting
def test_every_number_is_the_engine_s(world: World, features: FeatureSet) -> None:
    assert_same(scalar_answers(world, features), world.answers(features=features))


@given(world=worlds(), kinds=st.sets(st.sampled_from(get_args(Kind))), every=st.sampled_from([FEATURES, WHOLE]))
@lasting
def test_what_no_feature_looks_at_need_not_be_read(world: World, kinds: set[Kind], every: FeatureSet) -> None:
    some = every.take([place for place, feature in enumerate(every.features) if feature.kind in kinds])
    names = ("contact_id", "event_id", "type", "occurred_at", "value", "message_id", "campaign_id", "item", "human")
    unread = FURTHER_FIELDS - some.event_fields
    rows = [
        tuple([None if name in unread else one for name, one in zip(names, row, strict=True)]) for row in world.rows
    ]
    bare = World(world.facts, tuple(cast("list[EventTuple]", rows)), world.frames)

    wanted = world.answers(features=some)

    assert_same(scalar_answers(bare, some), wanted)
    assert_same(bare.answers(features=some), wanted)


def test_lines_of_a_call_join_stored_ones_of_the_same_instant() -> None:
    stored = [("a", str(n), "order_placed", CUTOFF - DAY, 10.0, None, None, "pen", None) for n in range(2)]
    inline = [("a", "new", "order_placed", CUTOFF - DAY, 2.5, None, None, "ink", None)]
    names = ("count-order_placed-7", "value_mean-order_placed-7", "order_placed-items")
    some = WHOLE.take([WHOLE.names.index(name) for name in names])

    assert values_of(some, ContactPasts(["a"], {}, [*inline, *stored]), [CUTOFF]).tolist() == [[1.0, 22.5, 2.0]]


def test_many_lines_of_one_order_add_up_to_the_same_last_bit_either_way() -> None:
    rows = [("a", str(n), "order_placed", CUTOFF - DAY, n / 7, None, None, None, 1) for n in range(300)]
    sums = WHOLE.take([WHOLE.names.index("value_sum-order_placed-7")])
    past = ContactPast.of("a", None, rows)

    found = scalar_plan(sums.plan).row(past, CUTOFF)

    pasts = build(["a"], {}, [rows])
    assert found == matrix(sums, pasts, np.zeros(1, dtype=np.int32), np.array([CUTOFF])).tolist()[0]


@pytest.mark.slow
@given(world=worlds())
@lasting
def test_every_number_is_the_oracle_s(world: World, oracle: Callable[..., float]) -> None:
    found = scalar_answers(world)
    wanted = [
        [oracle(feature, name, cutoff, world.facts, world.rows) for feature in FEATURES.features]
        for name, cutoff in world.frames
    ]
    np.testing.assert_allclose(found, np.array(wanted, dtype=np.float64), rtol=1e-9, atol=1e-9)


@pytest.mark.slow
@given(world=worlds(), data=st.data())
@lasting
def test_shuffled_rows_change_nothing(world: World, data: st.DataObject) -> None:
    shuffled = World(world.facts, tuple(data.draw(st.permutations(world.rows))), world.frames)
    assert_same(scalar_answers(shuffled), scalar_answers(world))


@given(world=worlds())
@lasting
def test_few_contacts_and_their_columns_say_the_same(world: World) -> None:
    cutoffs = [cutoff for _, cutoff in world.frames[:1]] * len(CONTACTS)
    pasts = ContactPasts(CONTACTS, world.facts, world.rows)
    rows = np.arange(len(CONTACTS), dtype=np.int32)
    inputs = Inputs.without_ranges(FEATURES)

    values = values_of(FEATURES, pasts, cutoffs)

    assert pasts.are_few
    assert_same(values, matrix(FEATURES, pasts.columns, rows, np.array(cutoffs)))
    assert truncated_of(pasts, cutoffs) == truncated(pasts.columns, rows, np.array(cutoffs)).tolist()
    assert inputs.qualities_of(FEATURES, pasts, cutoffs, values) == inputs.qualities(
        FEATURES, pasts.columns, np.array(cutoffs), values
    )


@pytest.mark.parametrize("ties", [False, True])
def test_only_the_newest_5000_events_count(ties: bool) -> None:
    rows = [
        ("a", str(n), TYPES[n % 3], CUTOFF - 1 - hours * HOUR, n / 7, None, f"c{n % 7}", ITEMS[n % 2], 1)
        for n, hours in ((n, n // 10 if ties else n) for n in range(5_100))
    ]
    facts = {"a": ContactFacts(timezone="America/St_Johns")}

    found = scalar_plan(FEATURES.plan).row(ContactPast.of("a", facts["a"], rows), CUTOFF)

    pasts = build(["a"], facts, [rows])
    assert_same(np.array([found]), matrix(FEATURES, pasts, np.zeros(1, dtype=np.int32), np.array([CUTOFF])))
    assert found[FEATURES.names.index("count-None-730")] == 5_000


def test_which_campaigns_of_one_instant_a_full_lookback_leaves_out_does_not_hang_on_what_is_read() -> None:
    """The ten oldest letters went out at once, and five of them are too many."""
    distinct = FeatureSet((Feature("letters", "distinct", "campaigns", "letters", "email_sent", "campaign"),))
    unread = FURTHER_FIELDS - distinct.event_fields
    old = [(CUTOFF - DAY, f"c{n}", f"i{9 - n}") for n in range(10)]
    new = [(CUTOFF - HOUR + n, "c0", None) for n in range(4_995)]
    whole = [("a", str(n), "email_sent", at, None, None, *names, 1) for n, (at, *names) in enumerate([*old, *new])]
    bare = [(*row[:7], None if "item" in unread else row[7], 1) for row in whole]

    found = [values_of(distinct, ContactPasts(["a"], {}, rows), [CUTOFF]).tolist() for rows in (whole, bare)]

    assert found == [[[5.0]], [[5.0]]]


def test_a_longer_past_than_any_feature_looks_at_is_truncated() -> None:
    old = ("a", "1", "order_placed", CUTOFF - 731 * DAY, None, None, None, None, 1)
    new = ("b", "2", "order_placed", CUTOFF - 729 * DAY, None, None, None, None, 1)

    assert truncated_of(ContactPasts(("a", "b"), {}, [old, new]), [CUTOFF, CUTOFF]) == [True, False]


def test_many_contacts_are_answered_in_columns() -> None:
    ids = [f"c{n}" for n in range(50)]
    rows = [(name, "1", "order_placed", CUTOFF - DAY, 2.5, None, None, None, 1) for name in ids]
    pasts = ContactPasts(ids, {}, rows)
    sums = FEATURES.take([FEATURES.names.index("value_sum-order_placed-7")])

    assert not pasts.are_few
    assert values_of(sums, pasts, [CUTOFF] * 50).tolist() == [[2.5]] * 50
    assert truncated_of(pasts, [CUTOFF] * 50) == [False] * 50


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_of_feature_is_computed_for_one_contact(kind: Kind) -> None:
    attribute = "thing" if kind in ATTRIBUTE_KINDS else None
    part = "night" if kind == "hour_share" else "item"
    features = FeatureSet((Feature("it", kind, "", "it", "order_placed", part, attribute=attribute),))

    assert scalar_plan(features.plan).covers_all


def test_a_kind_that_is_not_known_one_by_one_is_left_to_the_engine() -> None:
    count = Feature("orders", "count", "events", "orders", "order_placed", window_days=30)
    newer = Feature("newer", cast("Kind", "of_a_later_release"), "", "newer")
    rows = [("a", "1", "order_placed", CUTOFF - DAY, None, None, None, None, 1)]

    assert not scalar_plan(FeatureSet((count, newer)).plan).covers_all
    assert values_of(FeatureSet((count, newer)), ContactPasts(["a"], {}, rows), [CUTOFF])[0, 0] == 1.0


def test_the_plain_form_of_a_plan_goes_with_it() -> None:
    features = FEATURES.take(range(5))
    plain = weakref.ref(scalar_plan(features.plan))

    del features
    gc.collect()

    assert plain() is None
