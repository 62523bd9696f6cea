"""Recall and NDCG by hand."""

import numpy as np
import pytest

from services.recommendations.model.candidates import COLUMNS, OWN, CandidateItems
from services.recommendations.training.assessment import JudgedWindow, judged


def window() -> JudgedWindow:
    """Two contacts; the first bought items 0 and 5 of its candidates 0 to 11, of them 5 for the first time."""
    values = np.zeros((24, len(COLUMNS)))
    values[0, OWN] = 3.0
    label = np.zeros(24)
    label[[0, 5]] = 1.0
    owner, item = np.repeat([0, 1], 12), np.tile(np.arange(12), 2)
    return JudgedWindow(CandidateItems(owner, item, values), label, np.array([2.0, 0.0]), np.array([1.0, 0.0]), 12)


def test_a_list_is_judged_by_its_first_ten() -> None:
    first = judged(window(), np.tile(-np.arange(12.0), 2))
    last = judged(window(), np.tile(np.arange(12.0), 2))

    assert first.recall.tolist() == [1.0]
    assert first.ndcg[0] == pytest.approx((1 + 1 / np.log2(7)) / (1 + 1 / np.log2(3)))
    assert last.recall.tolist() == [0.5]


def test_new_items_are_judged_without_what_was_bought_before() -> None:
    found = judged(window(), np.tile(-np.arange(12.0), 2), new_only=True)

    assert found.recall.tolist() == [1.0]
    assert found.ndcg[0] == pytest.approx(1 / np.log2(6))
