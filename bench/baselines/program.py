"""The child that runs the textbook models: `python -I program.py VERB REQUEST.npz ANSWER.npz`.

It runs in the environment of requirements.lock, never in ours, so it imports nothing of the project, and what it needs
of its own environment inside the functions. `bench.baselines.ask` starts it. Verbs and their arrays:

bgnbd: frequency, recency, age of the calibration customers; test_frequency, test_recency, test_age; horizon. In days:
    frequency counts orders after the first, recency is from the first to the last, age from the first to the cutoff.
    Answers no_order (chance of no order within the horizon), alive, parameters (r, alpha, a, b).
bgnbd_value: the same and monetary, the mean value of an order (test_monetary); as products that use both models do.
    Answers orders (expected within the horizon), order_value (expected of each), alive, and parameters (r, alpha, a, b,
    p, q, gamma).
kaplan_meier, cox: durations, events; test_survived (longer than this each test person has stayed), later (n_later,);
    for cox also covariates and test_covariates. Answers survival, S(survived + later) / S(survived), (n_test, n_later),
    and known_until, the longest duration, after which the curves stay flat (Kaplan-Meier: NaN where nobody stayed).
brier: durations, events (to learn the censoring from), test_durations, test_events, survival (n_test, n_times), times.
    Answers at_times (n_times,) and integrated.
"""

import sys
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Arrays = Mapping[str, Vector]
RIDGE = 0.001
"""Cox: half of it times the squared coefficients of the standardised covariates is taken off each row's likelihood."""


def bgnbd(given: Arrays) -> dict[str, Vector]:
    """Fit BG/NBD on the calibration customers and tell who of the test customers will be silent."""
    from lifetimes import BetaGeoFitter

    fitted = BetaGeoFitter().fit(given["frequency"], given["recency"], given["age"])
    parameters = fitted.params_[["r", "alpha", "a", "b"]].to_numpy()
    frequency, recency, age = given["test_frequency"], given["test_recency"], given["test_age"]
    alive = fitted.conditional_probability_alive(frequency, recency, age)
    waiting = still_waiting(parameters, frequency, age, float(given["horizon"]))
    return {"no_order": (1 - alive) + alive * waiting, "alive": alive, "parameters": parameters}


def bgnbd_value(given: Arrays) -> dict[str, Vector]:
    """Fit BG/NBD and Gamma-Gamma on the calibration customers, and answer about the test customers."""
    from lifetimes import BetaGeoFitter, GammaGammaFitter

    fitted = BetaGeoFitter().fit(given["frequency"], given["recency"], given["age"])
    again = given["frequency"] > 0
    worth = GammaGammaFitter().fit(given["frequency"][again] + 1, given["monetary"][again])
    frequency, recency, age = given["test_frequency"], given["test_recency"], given["test_age"]
    days = float(given["horizon"])
    orders = fitted.conditional_expected_number_of_purchases_up_to_time(days, frequency, recency, age)
    value = worth.conditional_expected_average_profit(frequency + 1, given["test_monetary"])
    names = fitted.params_[["r", "alpha", "a", "b"]].to_numpy(), worth.params_[["p", "q", "v"]].to_numpy()
    return {
        "orders": np.asarray(orders, dtype=np.float64),
        "order_value": np.asarray(value, dtype=np.float64),
        "alive": np.asarray(fitted.conditional_probability_alive(frequency, recency, age), dtype=np.float64),
        "parameters": np.concatenate(names),
    }


def still_waiting(parameters: Vector, frequency: Vector, age: Vector, horizon: float) -> Vector:
    """Return the chance of no order in the horizon of a customer who is alive, shape (n,).

    Source: derived from the model of Fader, Hardie and Lee (2005), Marketing Science 24 (2), 275-284. There one drops
    out only at an order, so the likelihood of x orders by T and being alive is (1 - p)^x rate^x exp(-rate T): given
    that, the rate is gamma (r + x, alpha + T), whatever p is, and the wait for the next order is exponential. The
    chance that it is longer than t is the mean of exp(-rate t), which is ((alpha + T) / (alpha + T + t))^(r + x).
    `python -m bench.baselines` compares it with a simulation and with integrals over the priors.

    >>> still_waiting(np.array([1.0, 10.0, 1.0, 1.0]), np.array([0.0, 1.0]), np.array([10.0, 10.0]), 20.0).tolist()
    [0.5, 0.25]
    """
    r, alpha = parameters[:2]
    waiting: Vector = ((alpha + age) / (alpha + age + horizon)) ** (r + frequency)
    return waiting


def kaplan_meier(given: Arrays) -> dict[str, Vector]:
    """Return for everybody the share that stayed on, of those who had stayed as long as they."""
    from lifelines import KaplanMeierFitter

    fitted = KaplanMeierFitter().fit(given["durations"], given["events"])
    curve = fitted.survival_function_["KM_estimate"]
    at, values = curve.index.to_numpy(), np.concatenate([[1.0], curve.to_numpy()])
    now, then = _now_and_then(given)
    stayed = values[np.searchsorted(at, now, side="right")]
    still = values[np.searchsorted(at, then, side="right")]
    # Where nobody stayed as long, nothing is known.
    survival = np.divide(still, stayed, out=np.full(then.shape, np.nan), where=stayed > 0)
    return {"survival": survival, "known_until": given["durations"].max()}


def cox(given: Arrays) -> dict[str, Vector]:
    """Fit proportional hazards with a little ridge, and tell each test person their own curve from now on."""
    import pandas as pd
    from lifelines import CoxPHFitter

    covariates, test_covariates = given["covariates"], given["test_covariates"]
    # A column that never varies says nothing, and cannot be standardised.
    varies = covariates.std(axis=0) > 0
    table = pd.DataFrame(covariates[:, varies])
    table.columns = [f"x{place}" for place in table.columns]
    mean = covariates[:, varies].mean(axis=0)
    table["duration"], table["event"] = given["durations"], given["events"]
    fitted = CoxPHFitter(penalizer=RIDGE).fit(table, "duration", "event")
    hazard = fitted.baseline_cumulative_hazard_["baseline cumulative hazard"]
    at, summed = hazard.index.to_numpy(), np.concatenate([[0.0], hazard.to_numpy()])
    now, then = _now_and_then(given)
    ahead = summed[np.searchsorted(at, then, side="right")] - summed[np.searchsorted(at, now, side="right")]
    times_baseline = np.exp((test_covariates[:, varies] - mean) @ fitted.params_.to_numpy())
    return {"survival": np.exp(-ahead * times_baseline[:, None]), "known_until": given["durations"].max()}


def _now_and_then(given: Arrays) -> tuple[Matrix, Matrix]:
    """Return the time each test person has reached, (n_test, 1), and those asked about, (n_test, n_later)."""
    now = given["test_survived"][:, None]
    return now, now + given["later"]


def brier(given: Arrays) -> dict[str, Vector]:
    """Judge survival curves by scikit-survival."""
    from sksurv.metrics import brier_score, integrated_brier_score
    from sksurv.util import Surv

    train = Surv.from_arrays(given["events"] == 1, given["durations"])
    test = Surv.from_arrays(given["test_events"] == 1, given["test_durations"])
    judged = (train, test, given["survival"], given["times"])
    return {"at_times": brier_score(*judged)[1], "integrated": integrated_brier_score(*judged)}


VERBS: dict[str, Callable[[Arrays], dict[str, Vector]]] = {
    "bgnbd": bgnbd,
    "bgnbd_value": bgnbd_value,
    "kaplan_meier": kaplan_meier,
    "cox": cox,
    "brier": brier,
}


def main() -> None:
    """Read the request, answer it."""
    verb, request, answer = sys.argv[1:]
    with np.load(request) as given:
        answered = VERBS[verb](dict(given))
    np.savez(answer, **answered)


if __name__ == "__main__":
    main()
