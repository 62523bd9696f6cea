"""Which columns of a contact weights are put on: those that tell messages apart."""

import numpy as np
import pytest

from services.messages.model.policy_columns import PolicyColumns
from services.messages.training.fitting import relevance
from shared.learners import Columns

SENDS = 4_000


def test_a_number_comes_twice_and_what_is_missing_is_average() -> None:
    values = np.array([[1.0, 0.0], [3.0, 1.0], [np.nan, 1.0], [9.0, np.nan]])

    columns = PolicyColumns.fit(values, Columns(("orders", "country"), (1,)))
    design = columns.of(values)

    number = np.flatnonzero((columns.source == 0) & np.isnan(columns.code))
    assert columns.bent[number].tolist() == [False, True]
    assert design[2, number].tolist() == [0.0, 0.0]
    assert design[:, number[1]] == pytest.approx(np.tanh(design[:, number[0]]))


def test_of_many_columns_those_are_kept_that_tell_messages_apart() -> None:
    draw = np.random.default_rng(4)
    values = draw.normal(size=(SENDS, 40))
    message = draw.integers(0, 2, SENDS)
    reward = (draw.random(SENDS) < np.where((values[:, 17] > 0) == (message == 1), 0.3, 0.1)).astype(float)
    columns = Columns(tuple(f"f{place}" for place in range(40)))

    kept = PolicyColumns.fit(values, columns, lambda one: relevance(one, message, reward, np.ones((2, 1))), most=3)

    assert 17 in kept.source
    assert len(kept) == 6


def test_a_column_that_says_nothing_has_about_the_variance_of_rewards() -> None:
    draw = np.random.default_rng(5)
    design, message, reward = draw.normal(size=(SENDS, 30)), draw.integers(0, 5, SENDS), draw.normal(size=SENDS)
    member = np.column_stack([np.ones(5), np.eye(5)[:, :2]])

    found = relevance(design, message, reward, member)

    assert found.mean() == pytest.approx(3.0, rel=0.3)
