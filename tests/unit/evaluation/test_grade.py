import numpy as np
import pytest

from shared.evaluation.gate import grade, skill
from shared.evaluation.metrics import Interval


@pytest.mark.parametrize(
    ("low", "positives", "letter"),
    [
        (0.10, 200, "A"),
        (0.0999, 200, "B"),
        (0.05, 200, "B"),
        (0.0499, 200, "C"),
        (0.0001, 200, "C"),
        (0.0, 200, "D"),
        (-0.2, 200, "D"),
        (0.30, 199, "C"),
        (-0.1, 199, "D"),
    ],
)
def test_the_letter_follows_the_lower_bound_and_few_contacts_cap_it(low: float, positives: int, letter: str) -> None:
    assert grade(Interval(0.5, low, 0.9), positive_contacts=positives) == letter


def test_skill_is_the_share_of_the_baseline_s_loss_that_is_saved() -> None:
    saved = skill(np.full(100, 0.3), np.full(100, 0.4), np.arange(100))

    assert (saved.value, saved.low, saved.high) == pytest.approx((0.25, 0.25, 0.25))


def test_a_baseline_without_loss_cannot_be_beaten() -> None:
    assert skill(np.zeros(10), np.zeros(10), np.arange(10)) == Interval(0.0, 0.0, 0.0)
