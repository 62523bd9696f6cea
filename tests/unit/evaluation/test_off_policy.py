"""What another policy would have earned: by hand on a few decisions, refused where nothing can be known."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from shared.evaluation.off_policy import (
    LoggedDecisions,
    Method,
    Target,
    policy_difference,
    policy_value,
    target_of,
)

METHODS: tuple[Method, ...] = ("ips", "snips", "dr")


def log(n: int = 4_000, *, seed: int = 3, each: int = 1, rate: float = 0.1) -> tuple[LoggedDecisions, NDArray[np.intp]]:
    """Two messages by a chance of 1/4 and 3/4; the first one earns twice the rate."""
    random = np.random.default_rng(seed)
    chosen = (random.random(n) >= 0.25).astype(np.intp)
    reward = (random.random(n) < np.where(chosen == 0, 2 * rate, rate)).astype(np.float64)
    return LoggedDecisions(np.arange(n) // each, reward, np.where(chosen == 0, 0.25, 0.75)), chosen


def always(column: int, chosen: NDArray[np.intp]) -> Target:
    n = len(chosen)
    chances = np.zeros((n, 2))
    chances[:, column] = 1.0
    return target_of(chances, chosen, np.ones((n, 2), bool), np.tile([0.2, 0.1], (n, 1)))


def by_hand() -> tuple[LoggedDecisions, Target]:
    logged = LoggedDecisions(np.repeat(np.arange(20), 2), np.tile([1.0, 0.0], 20), np.tile([0.5, 0.25], 20))
    return logged, Target(np.full(40, 0.5), np.zeros(40), np.tile([0.5, 0.25], 20), np.full(40, 0.4))


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("ips", 0.5),  # weights 1 and 2: (1 * 1 + 2 * 0) / 2
        ("snips", 1 / 3),  # (1 * 1 + 2 * 0) / (1 + 2)
        ("dr", 0.4),  # 0.4 + (1 * 0.5 - 2 * 0.25) / 2
    ],
)
def test_estimates_by_hand(method: Method, expected: float) -> None:
    found = policy_value(*by_hand(), method)

    assert found.value is not None
    assert found.value.value == pytest.approx(expected)
    assert (found.decisions, found.contacts, found.largest_weight) == (40, 20, 2.0)
    assert found.effective_decisions == pytest.approx(36.0)  # (20 * 1 + 20 * 2)^2 / (20 * 1 + 20 * 4)
    assert found.effective_rewards == pytest.approx(20.0)


@pytest.mark.parametrize("method", METHODS)
def test_the_policy_that_made_the_log_earns_what_was_earned(method: Method) -> None:
    logged, chosen = log()
    chances = np.tile([0.25, 0.75], (len(chosen), 1))
    same = target_of(chances, chosen, np.ones((len(chosen), 2), bool), np.zeros((len(chosen), 2)))

    found = policy_value(logged, same, method).value

    assert found is not None
    assert found.value == pytest.approx(float(logged.reward.mean()))


@pytest.mark.parametrize("method", METHODS)
def test_the_better_message_is_found_from_a_log_that_mostly_chose_the_other(method: Method) -> None:
    logged, chosen = log()

    gain = policy_difference(logged, always(0, chosen), always(1, chosen), method)

    assert gain is not None
    assert 0 < gain.low < 0.1 < gain.high < 0.2


def test_a_policy_differs_from_itself_by_nothing() -> None:
    logged, chosen = log()

    gain = policy_difference(logged, always(0, chosen), always(0, chosen))

    assert gain is not None
    assert (gain.value, gain.low, gain.high) == pytest.approx((0.0, 0.0, 0.0), abs=1e-9)


def test_what_could_not_have_been_chosen_is_refused() -> None:
    logged, chosen = log()
    chances = np.tile([0.5, 0.4, 0.1], (len(chosen), 1))
    candidates = np.tile([True, True, False], (len(chosen), 1))

    found = policy_value(logged, target_of(chances, chosen, candidates))

    assert found.value is None
    assert found.unsupported == pytest.approx(0.1)
    assert found.refused.startswith("10.0% of what the policy would choose could not have been chosen")


def test_a_decision_without_a_chance_supports_nothing() -> None:
    logged, chosen = log()
    impossible = LoggedDecisions(logged.contact, logged.reward, np.zeros(len(logged)))

    assert policy_value(impossible, always(0, chosen)).unsupported == pytest.approx(float((chosen == 0).mean()))
    assert policy_value(impossible, always(0, chosen)).value is None


def test_a_policy_of_which_hardly_anything_was_tried_is_refused() -> None:
    logged, _ = log(30)
    target = Target(np.where(np.arange(30) < 5, 1.0, 0.0), np.zeros(30))

    found = policy_value(logged, target)

    assert found.value is None
    assert "say as much of it as" in found.refused


def test_nothing_earned_and_nothing_over_are_refused() -> None:
    logged, chosen = log()
    barren = LoggedDecisions(logged.contact, np.zeros(len(logged)), logged.propensity)
    nobody = LoggedDecisions(np.empty(0, np.int64), np.empty(0), np.empty(0))

    assert "has earned anything yet" in policy_value(barren, always(0, chosen)).refused
    assert policy_value(nobody, Target(np.empty(0), np.empty(0))).refused == "No decision's window is over yet."
    assert policy_difference(barren, always(0, chosen), always(1, chosen)) is None


def test_weights_are_cut_where_that_is_wanted_and_the_share_is_stated() -> None:
    logged, chosen = log()

    found = policy_value(logged, always(0, chosen), "ips", clip=2.0)

    assert found.largest_weight == 2.0
    assert found.clipped == pytest.approx(float((chosen == 0).mean()))


def test_decisions_of_one_contact_count_as_one() -> None:
    logged, chosen = log()
    twice = LoggedDecisions(
        np.concatenate([logged.contact, logged.contact]),
        np.concatenate([logged.reward, logged.reward]),
        np.concatenate([logged.propensity, logged.propensity]),
    )
    alone, doubled = (
        policy_value(one, always(0, of)).value
        for one, of in ((logged, chosen), (twice, np.concatenate([chosen, chosen])))
    )

    assert alone is not None
    assert doubled is not None
    assert doubled.high - doubled.low == pytest.approx(alone.high - alone.low, rel=0.02)


def test_an_interval_of_clicks_is_never_below_none_and_longer_above() -> None:
    logged, chosen = log(400, rate=0.02)

    found = policy_value(logged, always(1, chosen)).value

    assert found is not None
    assert found.low > 0
    assert found.high - found.value > found.value - found.low


def test_values_may_be_below_nothing() -> None:
    logged, chosen = log()
    refunded = LoggedDecisions(logged.contact, logged.reward - 0.15, logged.propensity)

    found = policy_value(refunded, always(1, chosen)).value

    assert found is not None
    assert found.low < found.value < 0
    assert found.high - found.value == pytest.approx(found.value - found.low)


def test_doubly_robust_without_predictions_is_a_mistake() -> None:
    logged, chosen = log()

    with pytest.raises(ValueError, match="no predictions"):
        policy_value(logged, Target(np.ones(len(chosen)), np.zeros(len(chosen))), "dr")


def test_parts_of_a_target_are_the_whole() -> None:
    _, chosen = log(10)
    whole, parts = always(0, chosen), [always(0, chosen[:4]), always(0, chosen[4:])]

    assert_array_equal(Target.joined(parts).chance, whole.chance)
    assert_array_equal(Target.joined(parts).expected, whole.expected)
    assert Target.joined([Target(np.ones(2), np.zeros(2))]).predicted is None
