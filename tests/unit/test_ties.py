"""No order, choice or step hangs on the last bit of a float: each case is tried one bit up and one bit down."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from services.churn.model import ChurnReference, Periods
from services.segmentation.model.grouping import Grouping
from services.segmentation.training.selection import Candidate, chosen
from services.sendtime.model.reasons import SlotCounts, reasons
from services.sendtime.model.send_plan import planned
from shared.evaluation.calibration import Reference, placed
from shared.evaluation.metrics import auc, average_precision, of_mean
from shared.features import Feature, FeatureSet, Things
from shared.learners.simple import Columns, Rule
from shared.ties import falling, largest, least, rounded, rounded_one, step_of

Array = np.ndarray


def bits_apart(values: Array) -> Iterator[Array]:
    """The values as they are, and with one bit more or less in each place that could tip an order."""
    yield values
    for direction in (np.inf, -np.inf):
        yield np.nextafter(values, direction)
        for place in np.ndindex(values.shape):
            other = values.copy()
            other[place] = np.nextafter(other[place], direction)
            yield other


def things(*names: str, of: str = "") -> Things:
    return Things.of(
        FeatureSet(
            tuple(
                Feature(name, "count", "events", of or name, "page_viewed", window_days=days)
                for days, name in enumerate(names, start=30)  # reasons of one text are listed once
            )
        )
    )


@given(arrays(np.float64, 6, elements=st.floats(-1e6, 1e6)))
def test_nine_digits_count(values: Array) -> None:
    np.testing.assert_allclose(rounded(values), values, rtol=1e-9, atol=1e-15)
    assert (rounded(rounded(values)) == rounded(values)).all()


def test_what_is_no_number_stays_so() -> None:
    assert np.isnan(rounded(np.nan))
    assert rounded([np.inf, -np.inf, np.finfo(float).max]).tolist() == [np.inf, -np.inf, np.inf]


def test_what_a_sum_of_nothing_leaves_is_nothing() -> None:
    assert rounded([0.1 + 0.2 - 0.3, -5e-324, 2e-15]).tolist() == [0.0, 0.0, pytest.approx(2e-15)]


@given(st.floats())
@example(1.7976931348623157e308)
def test_one_float_is_rounded_as_many_are(value: float) -> None:
    np.testing.assert_array_equal(rounded_one(value), rounded(value))


@given(arrays(np.float64, 99, elements=st.floats(-9, 9)), st.lists(st.floats(-10, 10), min_size=1, max_size=3))
def test_a_few_margins_stand_where_many_would(edges: Array, margins: list[float]) -> None:
    edges.sort()
    nothing = np.empty(0)

    few = Reference(edges, nothing, nothing).scores(np.array([*margins, edges[7]]))

    assert few.tolist() == placed(edges, np.array([*margins, edges[7]])).tolist()


@given(arrays(np.float64, (1, 6), elements=st.one_of(st.floats(-2, 2), st.sampled_from((0.0, 0.3, -0.3, 0.1 + 0.2)))))
def test_one_contact_s_reasons_are_those_it_has_among_others(shares: Array) -> None:
    grouped = Things.of(
        FeatureSet(
            tuple(
                Feature(name, "count", "events", of, "page_viewed", window_days=days)
                for days, (name, of) in enumerate(zip("cbadfe", "xyzzyw", strict=True), start=30)
            )
        )
    )

    alone = grouped.reasons(np.ones((1, 6)), shares, 3)

    assert alone == grouped.reasons(np.ones((2, 6)), np.repeat(shares, 2, axis=0), 3)[:1]


def test_an_order_is_the_same_a_bit_further() -> None:
    for values in bits_apart(np.array([0.1 + 0.2, 0.7, 0.3, 0.7])):
        assert falling(values).tolist() == [1, 3, 0, 2]
        assert int(largest(values)) == 1
        assert least([0, 1, 2, 3], lambda at, v=values: v[at]) == 0


@pytest.mark.parametrize(("includes_edge", "steps"), [(True, [1, 2, 2]), (False, [0, 1, 2])])
def test_a_value_at_an_edge_is_on_one_side_of_it(includes_edge: bool, steps: list[int]) -> None:
    for values in bits_apart(np.array([0.3, 0.6, 0.9])):
        for edges in bits_apart(np.array([0.3, 0.6])):
            assert step_of(edges, values, includes_edge=includes_edge).tolist() == steps


def test_reasons_of_one_size_go_by_name() -> None:
    for shares in bits_apart(np.array([[0.3, -0.3, 0.1 + 0.2, 0.5]])):
        listed = things("c", "b", "a", "d").reasons(np.ones((1, 4)), shares, 10)

        assert [reason.feature for reason in listed[0]] == ["d", "a", "b", "c"]


def test_who_is_listed_last_goes_by_name_too() -> None:
    for shares in bits_apart(np.array([[0.3, 0.3, 0.3, 0.5]])):
        listed = things("c", "b", "a", "d").reasons(np.ones((1, 4)), shares, 2)

        assert [reason.feature for reason in listed[0]] == ["d", "a"]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_of_equal_variants_the_first_by_name_speaks(sign: float) -> None:
    for shares in bits_apart(sign * np.array([[0.3, 0.3, 0.1]])):
        listed = things("orders_mean", "orders_max", "orders_min", of="orders").reasons(np.ones((1, 3)), shares, 3)

        assert [reason.feature for reason in listed[0]] == ["orders_max"]


def test_send_time_s_reasons_of_one_size_go_by_name() -> None:
    tally = SlotCounts("Active", *(np.ones((1, width)) for width in (24, 24, 7, 7)))
    at = np.array([0])
    for shares in bits_apart(np.array([0.2, -0.2, 0.2])):
        named = {"own_weekdays": shares[:1], "own_hours": shares[1:2], "lookalikes": shares[2:]}
        (listed,) = reasons(named, tally, rows=at, slots=at, most=2)

        assert [reason.feature for reason in listed] == ["lookalikes", "own_hours"]


def test_rules_that_know_as_much_go_by_name() -> None:
    labels = np.tile([0.0, 1.0], 50)
    for scale in (1.0, 3.0, 1 / 3):
        rule = Rule.fit(np.column_stack([labels * scale, labels]), labels, Columns(("b", "a")))

        assert rule.column == 1


def test_a_rule_steps_at_its_threshold_and_not_a_bit_before() -> None:
    values = np.repeat(np.arange(1.0, 11.0) / 10, 20)
    rule = Rule.fit(values[:, None], (values >= 0.3).astype(float), Columns(("a",)))

    found = {tuple(rule.looked_up(other)) for other in bits_apart(np.array([0.2, 0.3, 0.4]))}

    assert len(found) == 1


def test_a_score_at_an_edge_of_the_reference_stays() -> None:
    two_groups = np.repeat([-1.3, 0.1 + 0.2], [60, 39])

    for values in bits_apart(np.array([-1.3, 0.3])):
        assert placed(two_groups, values).tolist() == [30, 80]


def test_a_band_begins_at_its_lift() -> None:
    periods = Periods((30.0,))
    reference = ChurnReference(np.linspace(0.1, 1, 99)[None], np.array([0.5]), np.zeros((1, 9)), np.zeros((1, 11)))

    for risk in bits_apart(np.array([0.5, 2 / 3, 0.8])):
        assert reference.bands(periods, risk, 30.0, (1.0, 2.0, 4.0)) == ["medium", "high", "very_high"]


def test_between_two_segments_it_is_the_first() -> None:
    grouping = Grouping(np.array([[0.1], [0.5], [9.0]]), 1.0)

    for place in bits_apart(np.array([[0.3]])):
        assert grouping.nearest(place).tolist() == [0]
        assert grouping.surest(place).tolist() == [[0, 1, 2]]


def test_the_second_of_far_segments_is_the_nearer_one() -> None:
    grouping = Grouping(np.array([[0.0], [90.0], [60.0]]), 0.01)

    assert grouping.membership(np.array([[0.0]])).tolist() == [[1.0, 0.0, 0.0]]
    assert grouping.surest(np.array([[0.0]])).tolist() == [[0, 2, 1]]


def test_as_many_segments_as_are_stable_whatever_the_last_bit() -> None:
    for agreements in bits_apart(np.array([0.9, 0.95, 0.95, 0.1])):
        listed = [Candidate(k, float(value), None) for k, value in enumerate(agreements, 3)]

        assert chosen(listed).k == 4
        assert chosen(listed, before=3).k == 3


def test_rows_of_one_margin_are_one_step() -> None:
    labels = np.array([0.0, 1.0, 0.0, 1.0])

    for margin in bits_apart(np.array([0.3, 0.3, 0.1, 0.3])):
        assert auc(labels, margin) == 0.75
        assert average_precision(labels, margin) == pytest.approx(2 / 3)


def test_a_gain_of_nothing_is_nothing() -> None:
    owner = np.arange(50)
    loss = np.full(50, 0.1 + 0.2)

    gain = of_mean(loss - np.full(50, 0.3), owner)

    assert (gain.value, gain.low, gain.high) == (0.0, 0.0, 0.0)


def test_a_plan_is_the_same_a_bit_further() -> None:
    values = np.random.default_rng(3).uniform(0.01, 0.05, (60, 5)).astype(np.float32)
    capacity = np.full(5, 8)

    first, *others = [
        planned(part.astype(np.float32), capacity)
        for part in (values, np.nextafter(values, np.float32(1)), np.nextafter(values, np.float32(-1)))
    ]

    assert all((other.hour == first.hour).mean() > 0.9 for other in others)
    assert all(other.value == pytest.approx(first.value, rel=1e-5) for other in others)
