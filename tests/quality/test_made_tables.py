"""Flat tables whose truth is known: noise is refused, a weak world accepted, a drifting one never ranks backwards."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from services.scoring.train import Fit, fitted
from shared.contracts.outcome import Outcome
from shared.contracts.rows import ALWAYS
from shared.learners.columns import chance
from shared.timeline import ContactFacts, build
from shared.timeline.pasts import DatedValue
from shared.training.material import Material, framed

NOW = 1_790_000_000_000_000
WON = Outcome(name="won", capability="scoring", attribute="won", positive="1")


def framed_table(labels: np.ndarray, columns: dict[str, Sequence[Any]]) -> Material:
    facts = {}
    for row, label in enumerate(labels):
        named = {"won": str(int(label)), **{name: values[row] for name, values in columns.items()}}
        values = tuple(DatedValue(name, ALWAYS, value, dated=False) for name, value in named.items())
        facts[f"c{row:05d}"] = ContactFacts(attributes=values)
    return framed(WON, build(list(facts), facts, ()), now=NOW)


def noise(seed: int, *, rows: int = 1_500) -> Material:
    """Nothing tells contacts apart; the base rate rises for 400 days, and a rate of interest with it."""
    draw = np.random.default_rng(seed)
    when = np.sort(draw.uniform(0, 400, rows))
    labels = draw.random(rows) < chance(-2.5 + when / 200)
    days = [(date(2024, 1, 1) + timedelta(days=float(day))).isoformat() for day in when]
    numbers = {f"x{number}": np.round(draw.normal(size=rows), 3).tolist() for number in range(6)}
    names = {f"k{number}": [f"v{code}" for code in draw.integers(0, 40, rows)] for number in range(3)}
    interest = np.round(when / 100 + 0.05 * draw.normal(size=rows), 3).tolist()
    return framed_table(labels, {"first_contact": days, "interest": interest, **numbers, **names})


def weak(seed: int, *, rows: int = 4_000) -> Material:
    """The truth ranks with an AUC of 0.62; 400 reach the outcome; nine columns and 30 cities are noise."""
    draw = np.random.default_rng(seed)
    numbers = draw.normal(size=(rows, 12))
    margin = numbers[:, :3].sum(axis=1) * 0.25 - np.log(9)
    columns: dict[str, Sequence[Any]] = {f"x{n}": np.round(numbers[:, n], 3).tolist() for n in range(12)}
    return framed_table(
        draw.random(rows) < chance(margin), {**columns, "city": [f"c{c}" for c in draw.integers(0, 30, rows)]}
    )


def drifting(seed: int, *, rows: int = 1_500) -> tuple[Material, np.ndarray, np.ndarray]:
    """What ranked early ranks backwards late; the later half is not shown, and returned as values and labels."""
    draw = np.random.default_rng(seed)
    fading, lasting = draw.normal(size=2 * rows), draw.normal(size=2 * rows)
    day = np.linspace(0, 400, 2 * rows)
    labels = draw.random(2 * rows) < chance(-1.0 + fading * (1.0 - day / 150) + 0.6 * lasting)
    days = [(date(2024, 1, 1) + timedelta(days=float(one))).isoformat() for one in day[:rows]]
    seen = {"first_contact": days, "fading": fading[:rows].tolist(), "lasting": lasting[:rows].tolist()}
    return framed_table(labels[:rows], seen), np.column_stack([fading, lasting])[rows:], labels[rows:].astype(float)


def fit_of(stuff: Material) -> Fit:
    return fitted(stuff, now=NOW)


@pytest.mark.parametrize("seed", [1, 2])
def test_noise_with_dates_and_a_rising_base_rate_is_refused(seed: int) -> None:
    report = fit_of(noise(seed)).report

    assert (report.usable, report.grade) == (False, "D")
    assert report.unusable_because
    assert {left.name for left in report.left_out} >= {"first_contact", "interest"}


def test_a_weak_real_world_is_accepted() -> None:
    report = fit_of(weak(0)).report

    assert report.usable
    assert report.grade in "ABCD"
    assert not report.leaks


@pytest.mark.parametrize("seed", [1])
def test_a_world_that_drifts_is_not_served_ranking_backwards(seed: int) -> None:
    stuff, later, labels = drifting(seed)

    fit = fit_of(stuff)

    if fit.report.usable:
        columns = {"fading": later[:, 0], "lasting": later[:, 1]}
        values = np.column_stack([columns[name] for name in fit.model.feature_set.names])
        ranked = fit.model.predict_matrix(values)
        assert np.corrcoef(ranked, labels)[0, 1] > 0


@pytest.mark.slow
def test_of_200_tables_of_noise_at_most_8_are_usable() -> None:
    assert sum(fit_of(noise(seed, rows=800)).report.usable for seed in range(200)) <= 8


@pytest.mark.slow
def test_of_20_weak_worlds_at_least_16_are_accepted() -> None:
    assert sum(fit_of(weak(seed)).report.usable for seed in range(20)) >= 16
