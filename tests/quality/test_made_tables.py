"""Worlds whose truth is known: noise is refused, a weak world accepted, a drifting one never ranks backwards."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from services.churn.training import ChurnMaterial
from services.churn.training import fitted as churn_fitted
from services.scoring.training import fitted
from shared.evaluation.metrics import auc
from shared.training.material import Material
from shared.training.report import Report
from tests.quality import made_tables as made

SURELY = 0.03
"""Two standard errors of an AUC of 1,500 rows: by so much below 0.5 a ranking is surely backwards."""


def report_of(stuff: Material | ChurnMaterial) -> Report:
    if isinstance(stuff, ChurnMaterial):
        until = stuff.closed.until
        return churn_fitted(stuff, now=made.NOW if until is None else until).report
    return fitted(stuff, now=made.NOW).report


def usable_of(world: Callable[..., Any], seeds: int, **more: Any) -> int:
    return sum(report_of(world(seed, **more)).usable for seed in range(seeds))


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_noise_with_dates_and_a_rising_base_rate_is_refused(seed: int) -> None:
    report = report_of(made.dated_noise(seed, rows=1_500))

    assert (report.usable, report.grade) == (False, "D")
    assert report.unusable_because
    assert {left.name for left in report.left_out} >= {"first_contact", "interest"}


@pytest.mark.parametrize(
    ("world", "seed"),
    [
        (made.undated_noise, 7),
        (made.noise_of_categories, 1),
        (made.stepping_noise, 1),
        (made.churn_table_of_noise, 1),
        pytest.param(made.contract_noise, 1, marks=pytest.mark.slow),
    ],
)
def test_noise_of_every_kind_is_refused(world: Callable[[int], Any], seed: int) -> None:
    assert not report_of(world(seed)).usable


def test_a_weak_real_world_is_accepted() -> None:
    report = report_of(made.weak(0))

    assert report.usable
    assert report.grade in "ABCD"
    assert not report.leaks


@pytest.mark.parametrize("noise", [18, *(pytest.param(noise, marks=pytest.mark.slow) for noise in (36, 76))])
def test_few_positives_among_many_columns_give_a_modest_and_honest_model(noise: int) -> None:
    stuff, true = made.rare(0, numbers=noise)
    labels = stuff.frames.label

    report = report_of(stuff)

    assert 300 < labels.sum() < 400
    assert report.usable
    assert report.figures["skill_over_constant"].low > 0
    assert report.figures["auc"].value < auc(labels, true) + SURELY
    assert 0.7 < report.figures["calibration_slope"].value < 1.4


def assert_not_backwards(world: Callable[[int], made.Later], seed: int) -> None:
    stuff, later, labels = world(seed)

    fit = fitted(stuff, now=made.NOW)

    if fit.report.usable:
        values = np.column_stack([later[name] for name in fit.model.feature_set.names])
        assert auc(labels, fit.model.predict_matrix(values)) > 0.5 - SURELY


@pytest.mark.parametrize("world", [made.fading, made.turning])
@pytest.mark.parametrize("seed", [1])
def test_a_world_that_drifts_is_not_served_ranking_backwards(world: Callable[[int], made.Later], seed: int) -> None:
    assert_not_backwards(world, seed)


@pytest.mark.slow
@pytest.mark.parametrize("world", [made.fading, made.turning])
@pytest.mark.parametrize("seed", range(2, 23))
def test_no_world_that_drifts_is_served_ranking_backwards(world: Callable[[int], made.Later], seed: int) -> None:
    assert_not_backwards(world, seed)


@pytest.mark.slow
@pytest.mark.parametrize("world", [made.dated_noise, made.undated_noise])
def test_of_200_tables_of_noise_at_most_8_are_usable(world: Callable[[int], Any]) -> None:
    assert usable_of(world, 200) <= 8


@pytest.mark.slow
@pytest.mark.parametrize(
    "world", [made.noise_of_categories, made.stepping_noise, made.churn_table_of_noise, made.contract_noise]
)
def test_of_40_worlds_of_other_noise_at_most_2_are_usable(world: Callable[[int], Any]) -> None:
    assert usable_of(world, 40) <= 2


@pytest.mark.slow
def test_of_10_shops_without_a_pattern_at_most_1_is_usable() -> None:
    assert usable_of(made.silence_noise, 10) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("dated", [False, True])
def test_of_20_weak_worlds_at_least_16_are_accepted(*, dated: bool) -> None:
    assert usable_of(made.weak, 20, dated=dated) >= 16
