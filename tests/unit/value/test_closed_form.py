"""BG/NBD and Gamma-Gamma against their published formulas, integrals and simulated lives."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, special, stats

from services.value.model.closed_form import ClosedForm, Histories, beta_quadrature

CDNOW = ClosedForm(r=0.2426, alpha=4.4136, a=0.7929, b=2.4259, p=6.25, q=3.74, gamma=15.45)
"""The estimates that the two sources publish for CDNOW, per week."""


def known(repeats: Any, recency: Any, age: Any, mean: Any = 30.0) -> Histories:
    given_ = (repeats, recency, age, mean)
    columns = np.broadcast_arrays(*(np.atleast_1d(np.asarray(one, dtype=np.float64)) for one in given_))
    return Histories(*columns)


def published_orders(form: ClosedForm, x: float, last: float, age: float, t: float) -> float:
    """Formula (10) of Fader, Hardie and Lee (2005), as it is printed."""
    r, alpha, a, b = form.r, form.alpha, form.a, form.b
    hyper = special.hyp2f1(r + x, b + x, a + b + x - 1, t / (alpha + age + t))
    above = (a + b + x - 1) / (a - 1) * (1 - ((alpha + age) / (alpha + age + t)) ** (r + x) * hyper)
    odds = a / (b + x - 1) * ((alpha + age) / (alpha + last)) ** (r + x) if x > 0 else 0.0
    return float(above / (1 + odds))


def test_the_customer_of_the_source_is_expected_to_order_so_often() -> None:
    """Fader and Hardie, Implementing the BG/NBD model in Excel: x 2, t_x 30.43, T 38.86, 39 weeks: 1.226."""
    one = known(2, 30.43, 38.86)

    assert CDNOW.orders(one, CDNOW.alive(one), np.array([39.0]))[0, 0] == pytest.approx(1.226, abs=5e-4)


@pytest.mark.parametrize("repeats", [0, 1, 7, 40, 120, 400])
def test_expected_orders_are_those_of_the_published_formula(repeats: int) -> None:
    one = known(repeats, 245.0 if repeats else 0.0, 250.0)
    days = np.array([1.0, 30.0, 300.0])
    form = ClosedForm(0.8, 30.0, 0.4, 3.0, 2.0, 3.0, 30.0)

    found = form.orders(one, form.alive(one), days)[0]

    assert found == pytest.approx([published_orders(form, repeats, 245.0, 250.0, t) for t in days], rel=1e-4)


def test_silence_is_what_integrals_over_rate_and_dropout_give() -> None:
    form, x, last, age, t = ClosedForm(0.7, 50.0, 0.6, 2.5, 2.0, 3.0, 30.0), 3, 80.0, 120.0, 60.0

    def over_rate(days: float) -> float:
        rates = stats.gamma(form.r, scale=1 / form.alpha).pdf
        return float(integrate.quad(lambda u: u**x * np.exp(-u * days) * rates(u), 0, np.inf, epsabs=0)[0])

    dropouts = stats.beta(form.a, form.b).pdf
    stayed = integrate.quad(lambda p: (1 - p) ** x * dropouts(p), 0, 1)[0]
    left = integrate.quad(lambda p: p * (1 - p) ** (x - 1) * dropouts(p), 0, 1)[0]
    silent = (left * over_rate(last) + stayed * over_rate(age + t)) / (left * over_rate(last) + stayed * over_rate(age))

    one = known(x, last, age)
    assert form.silent(one, form.alive(one), np.array([t]))[0, 0] == pytest.approx(silent, abs=1e-6)


def test_without_dropout_everybody_goes_on_at_the_own_rate() -> None:
    form, one = ClosedForm(1.0, 10.0, 0.0, 1.0, 2.0, 3.0, 30.0), known(4, 10.0, 40.0)

    assert form.alive(one).tolist() == [1.0]
    assert form.orders(one, form.alive(one), np.array([10.0])).tolist() == [[1.0]]


def test_an_own_order_value_counts_the_more_the_more_orders_it_rests_on() -> None:
    few, many = (float(CDNOW.order_value(known(n, 1.0, 2.0, 100.0))[0]) for n in (0, 50))

    assert 35.2 < few < many < 100.0


@given(st.floats(0.05, 5.0), st.floats(0.5, 60.0))
def test_points_and_weights_of_a_beta_distribution_give_its_moments(a: float, b: float) -> None:
    points, weights = beta_quadrature(a, b, 24)

    assert weights.sum() == pytest.approx(1.0, abs=1e-9)
    assert weights @ points == pytest.approx(a / (a + b), rel=1e-6)
    assert weights @ points**2 == pytest.approx(a * (a + 1) / ((a + b) * (a + b + 1)), rel=1e-6)
