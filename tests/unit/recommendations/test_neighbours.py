"""Likeness of items, by hand: common buyers over the root of both items' buyers plus ten."""

import numpy as np
import pytest

from services.recommendations.model.history import History
from services.recommendations.model.neighbours import Neighbours
from services.recommendations.training import likeness
from services.recommendations.training.likeness import neighbours_of


def history(*bought: tuple[int, int], contacts: int) -> History:
    owner, item = (np.array(column) for column in zip(*sorted(bought), strict=True))
    ones, nothing = np.ones(len(owner)), np.empty(0, np.int64)
    offsets = np.searchsorted(owner, np.arange(contacts + 1))
    return History(contacts, owner, item, ones, ones, ones, offsets, nothing, nothing, np.empty(0), np.zeros(contacts))


BOTH = [(contact, item) for contact in range(6) for item in (0, 1)]


def test_likeness_is_the_cosine_with_a_shrinkage() -> None:
    near = neighbours_of(history(*BOTH, (6, 0), (7, 0), (8, 2), contacts=9), 3, most=2)

    assert near.item.tolist() == [[1, -1], [0, -1], [-1, -1]]
    assert near.likeness[0, 0] == pytest.approx(6 / (48**0.5 + 10))


def test_one_common_buyer_makes_no_neighbour() -> None:
    assert neighbours_of(history((0, 0), (0, 1), contacts=1), 2).item.max() == -1


def test_items_counted_block_by_block_are_counted_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    bought = history(*BOTH, *((contact, contact % 5 + 1) for contact in range(9)), contacts=9)
    whole = neighbours_of(bought, 6)
    monkeypatch.setattr(likeness, "BLOCK_ENTRIES", 1)

    parts = neighbours_of(bought, 6)

    np.testing.assert_array_equal(whole.item, parts.item)
    np.testing.assert_array_equal(whole.likeness, parts.likeness)


def test_what_a_contact_s_items_say_of_others_is_summed() -> None:
    near = Neighbours(
        np.array([[1, 2], [2, -1], [0, 1]], np.int32), np.array([[0.5, 0.25], [0.5, 0], [1, 1]], np.float32)
    )

    pairs, value = near.pull(np.array([1, 1]), np.array([0, 1]), np.array([1.0, 2.0]))

    assert pairs.tolist() == [3 + 1, 3 + 2]
    assert value.tolist() == [0.5, 1.25]
