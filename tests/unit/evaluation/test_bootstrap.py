import json

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import stats

from shared.evaluation.metrics import DRAWN_AT_ONCE, Interval, of_figures, of_mean, of_means, resamples


def test_the_interval_of_a_mean_is_that_of_scipy_when_each_row_is_a_contact() -> None:
    values = np.random.default_rng(0).gamma(2.0, size=400)

    ours = of_mean(values, np.arange(400))

    peer = stats.bootstrap((values,), np.mean, n_resamples=2_000, method="percentile", rng=1).confidence_interval
    assert ours.value == pytest.approx(values.mean())
    assert ours.low == pytest.approx(peer.low, abs=0.03)
    assert ours.high == pytest.approx(peer.high, abs=0.03)


def test_repeating_the_frames_of_each_contact_narrows_nothing() -> None:
    values = np.random.default_rng(0).normal(size=300)
    owner = np.arange(300)

    once, often = of_mean(values, owner), of_mean(np.repeat(values, 9), np.repeat(owner, 9))

    assert (often.low, often.high) == pytest.approx((once.low, once.high))


def test_the_interval_is_three_times_wider_when_nine_frames_are_one_contact_s() -> None:
    values = np.repeat(np.random.default_rng(0).normal(size=300), 9)

    by_frame, by_contact = of_mean(values, np.arange(2_700)), of_mean(values, np.repeat(np.arange(300), 9))

    assert by_contact.high - by_contact.low == pytest.approx(3 * (by_frame.high - by_frame.low), rel=0.15)


def test_figures_are_resampled_by_contact_too() -> None:
    values = np.repeat(np.random.default_rng(0).normal(size=300), 9)

    def mean(times: np.ndarray) -> dict[str, float]:
        return {"mean": float(np.average(values, weights=times))}

    by_frame = of_figures(mean, np.arange(2_700))["mean"]
    by_contact = of_figures(mean, np.repeat(np.arange(300), 9))["mean"]

    assert by_contact.value == by_frame.value == pytest.approx(values.mean())
    assert by_contact.high - by_contact.low == pytest.approx(3 * (by_frame.high - by_frame.low), rel=0.3)


def test_contacts_with_other_numbers_or_in_another_order_get_the_same_interval() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0])

    assert of_mean(values, np.array([7, 7, 9, 9])) == of_mean(values, np.array([0, 0, 1, 1]))


def test_draws_without_a_figure_are_left_out() -> None:
    figures = of_figures(lambda times: {"f": float("nan") if times[0] > 1 else 1.0}, np.arange(3), draws=50)

    assert figures["f"] == Interval(1.0, 1.0, 1.0)


def test_a_figure_that_no_draw_has_is_written_as_null() -> None:
    never = of_figures(lambda _: {"f": float("nan")}, np.arange(3), draws=5)["f"]

    assert json.dumps(never.to_json(), allow_nan=False) == '{"value": null, "low": null, "high": null}'
    assert Interval(float("inf"), 0.0, 1.0).to_json() == {"value": None, "low": 0.0, "high": 1.0}


def test_an_interval_reads_as_a_sentence_part() -> None:
    assert str(Interval(0.7123, 0.69, 0.733)) == "0.712 (0.690 to 0.733)"


@pytest.mark.parametrize("contacts", [1, 7, DRAWN_AT_ONCE // 3, DRAWN_AT_ONCE + 1])
def test_a_resample_draws_as_many_contacts_as_there_are_one_draw_after_the_other(contacts: int) -> None:
    again = np.random.default_rng(5)

    drawn = np.concatenate(list(resamples(contacts, draws=4, seed=5)))

    assert drawn.shape == (4, contacts)
    for times in drawn:
        assert_array_equal(times, np.bincount(again.integers(0, contacts, contacts), minlength=contacts))


def test_resamples_are_spread_over_so_many_rows_only_as_fit_at_once() -> None:
    rows = DRAWN_AT_ONCE // 3

    some = list(resamples(10, draws=7, seed=5, rows=rows))

    assert [len(one) for one in some] == [3, 3, 1]
    assert_array_equal(np.concatenate(some), np.concatenate(list(resamples(10, draws=7, seed=5))))


def test_several_means_are_each_what_it_is_alone() -> None:
    draw = np.random.default_rng(0)
    columns, owner = [draw.normal(size=500), draw.gamma(2.0, size=500)], draw.integers(0, 90, 500)

    assert of_means(columns, owner, share=0.9) == [of_mean(values, owner, share=0.9) for values in columns]
