"""Check the textbook models where the truth is known: `python -m bench.baselines`. Exits 1 when one is wrong.

BG/NBD on simulated customers, and against integrals over its priors; Kaplan-Meier and Cox on simulated lives with known
hazards; our censoring-weighted Brier score against scikit-survival's.
"""

import sys

import numpy as np
from numpy.typing import NDArray
from scipy import integrate, stats

from bench.baselines import ask
from shared.evaluation import survival

Vector = NDArray[np.float64]
R, ALPHA, A, B = 0.7, 50.0, 0.6, 2.5
AGE, HORIZON = (100.0, 400.0), 90.0


def customers(n: int, random: np.random.Generator) -> tuple[Vector, Vector, Vector, Vector]:
    """Live the BG/NBD story: frequency, recency and age at the cutoff, and whether no order came in the horizon."""
    rate, leaving = random.gamma(R, 1 / ALPHA, n), random.beta(A, B, n)
    age = random.uniform(*AGE, n)
    frequency, recency, silent = np.zeros(n), np.zeros(n), np.ones(n)
    here, now = np.arange(n), np.zeros(n)
    while len(here):
        now[here] += random.exponential(1 / rate[here])
        before = here[now[here] <= age[here]]
        frequency[before] += 1
        recency[before] = now[before]
        soon = here[(now[here] > age[here]) & (now[here] <= age[here] + HORIZON)]
        silent[soon] = 0
        here = before[random.random(len(before)) >= leaving[before]]
    return frequency, recency, age, silent


def integral(parameters: Vector, frequency: float, recency: float, age: float) -> float:
    """Integrate the chance of no order over rate and dropout, straight from the model's two likelihoods."""
    r, alpha, a, b = parameters

    def over_rate(days: float) -> float:
        density = stats.gamma(r, scale=1 / alpha).pdf
        return float(integrate.quad(lambda u: u**frequency * np.exp(-u * days) * density(u), 0, np.inf, epsabs=0)[0])

    def over_dropout(power_p: float, power_q: float) -> float:
        density = stats.beta(a, b).pdf
        return float(integrate.quad(lambda p: p**power_p * (1 - p) ** power_q * density(p), 0, 1)[0])

    alive = over_dropout(0, frequency)
    left = over_dropout(1, frequency - 1) * over_rate(recency) if frequency else 0.0
    return (left + alive * over_rate(age + HORIZON)) / (left + alive * over_rate(age))


def bgnbd() -> bool:
    """Compare the fitted model's chances with what came, by tenth, and with the integrals."""
    frequency, recency, age, silent = customers(200_000, np.random.default_rng(3))
    given = {"frequency": frequency, "recency": recency, "age": age}
    answered = ask("bgnbd", **given, **{f"test_{name}": values for name, values in given.items()}, horizon=HORIZON)
    print(f"BG/NBD: r, alpha, a, b {answered['parameters'].round(3).tolist()}, truth {[R, ALPHA, A, B]}")
    chance = answered["no_order"]
    worst = 0.0
    print("| said | came | customers |\n|---:|---:|---:|")
    for part in np.array_split(np.argsort(chance, kind="stable"), 10):
        said, came = chance[part].mean(), silent[part].mean()
        worst = max(worst, abs(said - came) / np.sqrt((chance[part] * (1 - chance[part])).sum()) * len(part))
        print(f"| {said:.4f} | {came:.4f} | {len(part):,} |")
    picked = np.concatenate([np.flatnonzero(frequency == count)[:2] for count in (0, 1, 2, 5, 10)])
    gaps = [
        abs(integral(answered["parameters"], frequency[i], recency[i], age[i]) - chance[i]) for i in picked.tolist()
    ]
    print(f"worst tenth: {worst:.1f} standard errors; worst of {len(gaps)} integrals: off by {max(gaps):.1e}\n")
    return worst < 4 and max(gaps) < 1e-6


def lives(n: int, random: np.random.Generator) -> tuple[Vector, Vector, Vector, Vector]:
    """Invent people with hazard exp(0.8 x1 - 0.5 x2) / 20 a month, and censoring; x3 never varies."""
    covariates = np.column_stack([random.normal(size=n), random.integers(0, 2, n), np.ones(n)])
    hazard = np.exp(covariates @ [0.8, -0.5, 0.0]) / 20
    life, seen = random.exponential(1 / hazard), random.uniform(1, 60, n)
    return covariates, hazard, np.minimum(life, seen), (life <= seen).astype(float)


def curves() -> bool:
    """Compare Cox with the true hazards, Kaplan-Meier with the true mix, our Brier score with scikit-survival's."""
    random = np.random.default_rng(4)
    covariates, hazard, durations, events = lives(20_000, random)
    later, survived = np.linspace(1.0, 24.0, 24), random.uniform(0, 24, 2_000)
    tested, true_hazard, test_durations, test_events = lives(2_000, random)
    given = {"durations": durations, "events": events, "test_survived": survived, "later": later}
    cox = ask("cox", **given, covariates=covariates, test_covariates=tested)["survival"]
    cox_gap = np.abs(cox - np.exp(-true_hazard[:, None] * later)).mean()

    def alive(times: Vector) -> Vector:
        return np.exp(-np.multiply.outer(times, hazard)).mean(axis=-1)

    some = survived[:100]
    km = ask("kaplan_meier", **given | {"test_survived": some})["survival"]
    km_gap = np.abs(km - alive(some[:, None] + later) / alive(some)[:, None]).max()
    own_km = survival.kaplan_meier(durations, events, later)
    same_km = np.abs(own_km - ask("kaplan_meier", **given | {"test_survived": np.zeros(1)})["survival"][0]).max()
    predicted = np.exp(-true_hazard[:, None] * later)
    judged = {"test_durations": test_durations, "test_events": test_events, "survival": predicted, "times": later}
    theirs = ask("brier", durations=durations, events=events, **judged)
    ours = survival.brier_losses(test_durations, test_events, predicted, later, censoring_from=(durations, events))
    brier_gap = max(
        np.abs(ours.mean(axis=0) - theirs["at_times"]).max(),
        abs(survival.over_time(ours, later).mean() - theirs["integrated"]),
    )
    print(f"Cox: {cox_gap:.4f} from the true curves on average; Kaplan-Meier: {km_gap:.4f} from the true mix at most")
    print(f"our Kaplan-Meier and lifelines': apart by {same_km:.1e}")
    print(f"our Brier score and scikit-survival's {float(theirs['integrated']):.6f}: apart by {brier_gap:.1e}")
    return cox_gap < 0.015 and km_gap < 0.03 and same_km < 1e-9 and brier_gap < 1e-9


if __name__ == "__main__":
    sys.exit(0 if all([bgnbd(), curves()]) else 1)
