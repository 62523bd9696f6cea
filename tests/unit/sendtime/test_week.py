import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import gammaln

from services.sendtime.model.activity import log_gamma
from services.sendtime.model.week import SLOTS, around, by_day, by_hour, slot_of, smoothed


def test_monday_midnight_is_slot_0_and_sunday_23_is_slot_167() -> None:
    # 5 January 1970 was a Monday.
    monday = 4 * 86_400_000_000

    assert_array_equal(slot_of(np.array([monday, monday - 1])), [0, 167])


def test_hours_and_weekdays_are_sums_of_slots() -> None:
    slots = np.zeros((1, SLOTS))
    slots[0, [9, 24 + 9, 24 + 10]] = (1.0, 2.0, 4.0)

    assert by_hour(slots)[0, 9:11].tolist() == [3.0, 4.0]
    assert by_day(slots)[0, :2].tolist() == [1.0, 6.0]


def test_smoothing_goes_round_midnight() -> None:
    hours = np.zeros(24)
    hours[23] = 10.0

    assert_allclose(smoothed(hours, 0.2)[[22, 23, 0]], [2.0, 6.0, 2.0])


def test_the_hours_around_one_are_written_as_people_say_them() -> None:
    assert [around(hour) for hour in (0, 9, 11, 13)] == ["11 pm-2 am", "8-11 am", "10 am-1 pm", "noon-3 pm"]


def test_the_log_of_the_gamma_function_is_scipy_s() -> None:
    x = np.array([1e-3, 0.5, 1.0, 3.7, 50.0, 1e5])

    assert_allclose(log_gamma(x), gammaln(x), rtol=1e-9, atol=1e-9)
