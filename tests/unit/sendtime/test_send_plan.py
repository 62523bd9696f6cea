import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from services.sendtime.model.send_plan import planned


def optimum(values: np.ndarray, capacity: np.ndarray) -> float:
    """The best plan, by SciPy's assignment: each hour as often as it has room."""
    columns = np.repeat(np.arange(len(capacity)), capacity)
    worth = np.maximum(values[:, columns], 0.0)
    rows, places = linear_sum_assignment(-worth)
    return float(worth[rows, places].sum())


@given(
    st.integers(1, 40),
    st.integers(1, 8),
    st.integers(1, 12),
    st.floats(0, 0.6),
    st.integers(0, 1_000),
)
def test_the_plan_fits_and_the_best_lies_between_it_and_its_bound(
    contacts: int, hours: int, room: int, closed: float, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    values = draw.random((contacts, hours)).astype(np.float32) * 0.2
    values[draw.random(values.shape) < closed] = -1.0
    capacity = np.full(hours, room)

    plan = planned(values, capacity)

    taken = plan.hour >= 0
    assert (np.bincount(plan.hour[taken], minlength=hours) <= capacity).all()
    assert (values[taken, plan.hour[taken]] >= 0).all()
    best = optimum(values.astype(float), capacity)
    assert plan.value <= best + 1e-5
    assert best <= plan.bound + 1e-5


def test_with_room_for_all_everybody_gets_the_best_hour() -> None:
    values = np.array([[0.1, 0.3], [0.4, 0.2]], dtype=np.float32)

    plan = planned(values, np.array([5, 5]))

    assert plan.hour.tolist() == [1, 0]
    assert plan.gap == pytest.approx(0.0, abs=1e-6)


def test_who_loses_most_elsewhere_keeps_the_wanted_hour() -> None:
    values = np.array([[0.50, 0.49], [0.50, 0.10]], dtype=np.float32)

    assert planned(values, np.array([1, 1])).hour.tolist() == [1, 0]


def test_hours_alike_are_filled_evenly_and_the_gap_is_small() -> None:
    values = np.full((3_000, 30), 0.05, dtype=np.float32)

    plan = planned(values, np.full(30, 100))

    assert (plan.hour >= 0).all()
    assert plan.gap < 0.01


def test_a_large_plan_comes_within_five_percent() -> None:
    draw = np.random.default_rng(2)
    peak = draw.choice([9, 13, 19], 4_000)
    hours = np.tile(np.arange(8, 21), 5)
    values = 0.03 * np.exp(draw.normal(0, 0.6, (4_000, 1)) + np.exp(-(((hours - peak[:, None]) / 2.0) ** 2)))

    plan = planned(values.astype(np.float32), np.full(len(hours), 70))

    assert plan.gap < 0.05
    assert (plan.hour >= 0).all()


def test_nobody_and_nothing_make_an_empty_plan() -> None:
    assert planned(np.empty((0, 3), np.float32), np.array([1, 1, 1])).value == 0.0
    assert planned(np.empty((2, 0), np.float32), np.empty(0, np.int64)).hour.tolist() == [-1, -1]
    assert planned(np.ones((2, 1), np.float32), np.array([0])).hour.tolist() == [-1, -1]
