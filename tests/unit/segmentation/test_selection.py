from typing import Any

import numpy as np
import pytest

from services.segmentation.training.selection import Next, next_period, rfm_groups, squared_errors, usefulness
from shared.timeline import EventTuple, build

DAY = 86_400_000_000
AT = 1_000 * DAY


def pasts_of(*orders: tuple[str, float, float]) -> Any:
    rows: list[EventTuple] = [
        (contact, str(place), "order_placed", AT + int(day * DAY), value, None, None, None, 1)
        for place, (contact, day, value) in enumerate(orders)
    ]
    return build(sorted({row[0] for row in rows}), {}, [rows])


def frames(n: int) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(n, dtype=np.int32), np.full(n, AT)


def test_the_next_period_begins_at_the_cutoff_and_ends_before_its_last_instant() -> None:
    pasts = pasts_of(("a", -1, 9.0), ("a", 0, 1.0), ("a", 29.9, 2.0), ("a", 30, 50.0), ("b", -5, 3.0))

    after = next_period(pasts, *frames(2), days=30, leading="order_placed")

    assert np.expm1(after.spend).round(9).tolist() == [3.0, 0.0]
    assert after.active.tolist() == [1.0, 0.0]


def test_without_values_events_are_counted() -> None:
    pasts = pasts_of(("a", -1, float("nan")), ("a", 1, float("nan")), ("a", 2, float("nan")))

    assert np.expm1(next_period(pasts, *frames(1), days=30, leading="order_placed").spend).round(9).tolist() == [2.0]


def test_the_plain_score_ranks_recent_frequent_and_dear_contacts_highest() -> None:
    orders = [(f"c-{row:02}", -200.0 + row, 1.0 + row) for row in range(50) for _ in range(1 + row // 10)]

    groups = rfm_groups(pasts_of(*orders), *frames(50), leading="order_placed", k=5)

    assert groups[0] == 0
    assert groups[-1] == 4
    assert np.all(np.diff(groups) >= 0)


def test_groups_that_know_the_outcome_explain_it_and_random_ones_do_not() -> None:
    draw = np.random.default_rng(0)
    groups = np.repeat([0, 1], 500)
    outcome = groups * 2.0 + draw.normal(size=1_000) * 0.1
    owner = np.arange(1_000, dtype=np.int32)
    after = Next(outcome, (outcome > 1).astype(np.float64))

    found = usefulness(groups, draw.integers(0, 2, 1_000), after, owner, draws=100)

    assert found.spend.value > 0.95
    assert found.active.value == pytest.approx(1.0)
    assert abs(found.rfm_spend.value) < 0.02
    assert found.gain_spend.low > 0.9


def test_a_group_is_judged_by_its_other_members() -> None:
    alone = np.arange(40)  # a group for each: knows nothing of the others

    own, plain = squared_errors(alone, np.random.default_rng(1).normal(size=40))

    assert own.tolist() == plain.tolist()
