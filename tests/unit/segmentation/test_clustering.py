import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from services.segmentation.training.clustering import agreement, find
from services.segmentation.training.selection import Candidate, Usefulness, chosen
from shared.evaluation.metrics import Interval

TRUE = np.repeat([0, 1, 2], [300, 200, 100])
PLACES = np.random.default_rng(0).normal(size=(600, 2)) * 0.4 + np.array([[0, 0], [3, 0], [0, 3]])[TRUE]


def test_planted_groups_are_found() -> None:
    assert adjusted_rand_score(TRUE, find(PLACES, 3, seed=1).labels) > 0.98


def test_the_largest_group_comes_first_whatever_the_seed() -> None:
    first, second = find(PLACES, 3, seed=1), find(PLACES, 3, seed=2)

    assert np.bincount(first.labels).tolist() == sorted(np.bincount(first.labels).tolist(), reverse=True)
    assert (first.labels == second.labels).all()


def test_centres_are_found_from_where_they_were() -> None:
    begun = find(PLACES, 3, seed=1, start=np.array([[0.0, 3.0], [0.0, 0.0], [3.0, 0.0]]))

    assert (begun.labels == find(PLACES, 3, seed=9).labels).all()


def test_subsamples_agree_on_planted_groups_and_not_on_a_cloud() -> None:
    cloud = np.random.default_rng(3).normal(size=(600, 2))

    assert agreement(PLACES, 3, seed=0) > 0.97
    assert agreement(cloud, 5, seed=0) < 0.9


def known(both: float) -> Usefulness:
    share = Interval(both, both - 0.02, both + 0.02)
    nothing = Interval(0.0, 0.0, 0.0)
    return Usefulness(share, share, nothing, nothing, nothing, nothing, nothing)


@pytest.mark.parametrize(
    ("measured", "before", "k"),
    [
        ([(3, 0.95, 0.30), (4, 0.95, 0.305), (5, 0.95, 0.308)], None, 3),  # fewest within one standard error
        ([(3, 0.95, 0.25), (4, 0.95, 0.305), (5, 0.95, 0.308)], None, 4),
        ([(3, 0.95, 0.25), (4, 0.95, 0.305), (5, 0.95, 0.308)], 5, 5),  # as many as before, where that is as good
        ([(3, 0.95, 0.25), (4, 0.95, 0.305), (5, 0.80, 0.400)], None, 4),  # what does not hold is not looked at
        ([(3, 0.95, 0.25), (4, 0.95, 0.305), (5, 0.95, 0.308)], 3, 4),
        ([(3, 0.95, 0.29), (4, 0.95, 0.305), (5, 0.95, 0.308)], 3, 3),  # two standard errors for as many as before
        ([(3, 0.95, 0.305), (4, 0.85, 0.30), (5, 0.95, 0.308)], 4, 4),  # and looser agreement
        ([(3, 0.95, 0.305), (4, 0.75, 0.30), (5, 0.95, 0.308)], 4, 3),
        ([(3, 0.60, 0.25), (4, 0.70, 0.305)], None, 4),  # none holds: the one that holds best
        ([(3, 0.95, None), (4, 0.97, None)], None, 4),
        ([(3, 0.95, None), (4, 0.97, None)], 3, 3),
    ],
)
def test_the_fewest_stable_groups_within_one_standard_error_are_chosen(
    measured: list[tuple[int, float, float | None]], before: int | None, k: int
) -> None:
    candidates = [Candidate(at, holds, None if both is None else known(both)) for at, holds, both in measured]

    assert chosen(candidates, before=before).k == k
