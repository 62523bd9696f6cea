import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.segmentation.training.identity import matched, matching_json, means

OLD = np.repeat([0, 1, 2], 100)


def centres(k: int) -> np.ndarray:
    return np.arange(k, dtype=np.float64)[:, None]


def test_groups_in_another_order_are_the_same_groups() -> None:
    new = np.array([2, 0, 1])[OLD]

    found = matched(OLD, new, old_centres=centres(3), new_centres=centres(3))

    assert found.kept == {2: 0, 0: 1, 1: 2}
    assert (found.splits, found.merges) == ({}, {})


def test_an_id_is_kept_at_half_the_members_and_not_below() -> None:
    half = OLD.copy()
    half[50:100] = 3  # 50 of 100 common, 100 in either: Jaccard 0.5
    less = OLD.copy()
    less[49:100] = 3

    at_half = matched(OLD, half, old_centres=centres(3), new_centres=centres(4))
    below = matched(OLD, less, old_centres=centres(3), new_centres=centres(4))

    assert at_half.kept.get(0, at_half.kept.get(3)) == 0
    assert 0 not in below.kept
    assert below.kept[3] == 0


def test_a_group_that_falls_apart_is_a_split() -> None:
    new = OLD.copy()
    new[:50] = 3

    found = matched(OLD, new, old_centres=centres(3), new_centres=centres(4))

    assert found.splits == {0: [0, 3]}


def test_groups_that_become_one_are_a_merger_and_neither_is_kept_for_certain() -> None:
    new = np.where(OLD == 2, 1, 0)

    found = matched(OLD, new, old_centres=centres(3), new_centres=centres(2))
    report = matching_json(found, ["s1", "s2", "s3"], ["s7", "s3"])

    assert report["merged"] == {"s7": ["s1", "s2"]}
    assert len(report["retired"]) == 1
    assert "s3" in report["kept"]


def test_of_equal_overlaps_the_nearer_centre_is_chosen() -> None:
    old = np.repeat([0, 1], 100)
    new = np.tile(np.repeat([0, 1], 50), 2)

    found = matched(old, new, old_centres=np.array([[0.0], [9.0]]), new_centres=np.array([[9.0], [0.0]]))

    assert sorted(found.overlap) == [0, 1]
    assert found.kept == {}


def test_an_empty_group_lies_where_everybody_does() -> None:
    places = np.array([[0.0], [2.0], [4.0]])

    assert means(places, np.array([0, 0, 0]), k=2).tolist() == [[2.0], [2.0]]


@given(st.permutations(range(4)), st.integers(0, 2**16))
def test_matching_does_not_depend_on_how_groups_are_numbered(order: list[int], seed: int) -> None:
    draw = np.random.default_rng(seed)
    old = draw.integers(0, 4, 200)
    new = np.where(draw.random(200) < 0.8, old, draw.integers(0, 4, 200))
    place = np.array(order)

    plain = matched(old, new, old_centres=centres(4), new_centres=centres(4))
    turned = matched(old, place[new], old_centres=centres(4), new_centres=centres(4)[np.argsort(place)])

    assert {int(place[at]): old_at for at, old_at in plain.kept.items()} == turned.kept
