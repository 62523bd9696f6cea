import numpy as np
import pytest
from numpy.testing import assert_allclose

from services.sendtime.model.experiment import (
    ARMS,
    CONTROL,
    EXPLORATION,
    TREATMENT,
    ArmOutcomes,
    ArmShares,
    arm_of,
    drawn,
    inverse_propensity,
)
from shared.lift.intervals import Rate, difference, needed_an_arm, wilson

SPLIT = ArmShares(control=0.4, exploration=0.1)
IDS = [f"c-{number}" for number in range(20_000)]


def test_the_same_contact_and_campaign_always_get_the_same_arm() -> None:
    assert [arm_of("may", name, SPLIT) for name in IDS[:200]] == [arm_of("may", name, SPLIT) for name in IDS[:200]]


def test_another_campaign_deals_anew() -> None:
    may, june = ([arm_of(name, one, SPLIT) for one in IDS] for name in ("may", "june"))

    both = np.mean([first == second for first, second in zip(may, june, strict=True)])
    assert both == pytest.approx(0.4**2 + 0.5**2 + 0.1**2, abs=0.02)


def test_arms_have_their_shares() -> None:
    arms = [arm_of("may", name, SPLIT) for name in IDS]

    assert_allclose(
        [arms.count(arm) / len(IDS) for arm in (TREATMENT, CONTROL, EXPLORATION)], [0.5, 0.4, 0.1], atol=0.01
    )


def test_exploration_is_uniform_over_the_allowed_instants() -> None:
    explored = [
        found.place
        for name in IDS
        if (found := drawn("may", name, SPLIT, best=2, default=0, allowed=5)).arm == EXPLORATION
    ]

    assert_allclose(np.bincount(np.array(explored), minlength=5) / len(explored), 0.2, atol=0.03)


def test_the_propensity_is_how_often_the_very_instant_is_drawn() -> None:
    draws = [drawn("may", name, SPLIT, best=2, default=0, allowed=5) for name in IDS]
    told = {one.place: one.propensity for one in draws}

    assert told == pytest.approx({0: 0.4 + 0.02, 1: 0.02, 2: 0.5 + 0.02, 3: 0.02, 4: 0.02})
    for place, propensity in told.items():
        assert np.mean([one.place == place for one in draws]) == pytest.approx(propensity, abs=0.012)


def test_a_default_outside_the_allowed_instants_has_the_control_s_chance() -> None:
    control = next(
        one for name in IDS if (one := drawn("may", name, SPLIT, best=1, default=None, allowed=4)).arm == CONTROL
    )

    assert (control.place, control.propensity) == (None, 0.4)


def outcomes(rates: dict[int, float], *, n: int = 60_000, seed: int = 4) -> ArmOutcomes:
    """Four instants; the model's is 2, the default 0; what each brings is known."""
    draws = [drawn("may", f"c-{number}", SPLIT, best=2, default=0, allowed=4) for number in range(n)]
    places = np.array([one.place for one in draws])
    chances = np.array([rates[place] for place in places])
    return ArmOutcomes(
        arm=np.array([ARMS.index(one.arm) for one in draws], dtype=np.int8),
        engaged=np.random.default_rng(seed).random(n) < chances,
        sent=np.ones(n, dtype=bool),
        on_time=np.ones(n, dtype=bool),
        propensity=np.array([one.propensity for one in draws]),
        as_policy=places == 2,
        as_default=places == 0,
    )


def test_inverse_propensity_estimates_what_each_policy_would_bring() -> None:
    found = outcomes({0: 0.05, 1: 0.02, 2: 0.08, 3: 0.03})

    policy, default = inverse_propensity(found, found.as_policy), inverse_propensity(found, found.as_default)

    assert policy is not None
    assert default is not None
    assert policy.low < 0.08 < policy.high
    assert default.low < 0.05 < default.high


def test_without_anybody_at_the_choice_nothing_is_estimated() -> None:
    found = outcomes({0: 0.1, 1: 0.1, 2: 0.1, 3: 0.1}, n=50)

    assert inverse_propensity(found, np.zeros(50, dtype=bool)) is None


def test_the_interval_of_a_share_covers_the_truth_as_often_as_it_says() -> None:
    draw = np.random.default_rng(1)
    covered = [(rate := wilson(float(hits), 80)).low <= 0.05 <= rate.high for hits in draw.binomial(80, 0.05, 4_000)]

    assert 0.93 < np.mean(covered) < 0.985


def test_the_difference_of_two_shares_is_newcombe_s_own_example() -> None:
    # Newcombe (1998), table II: 56/70 against 48/80, 0.2000 (0.0524 to 0.3339).
    found = difference(wilson(56, 70), wilson(48, 80))

    assert_allclose([found.value, found.low, found.high], [0.2, 0.0524, 0.3339], atol=1e-4)


def test_how_many_contacts_prove_a_lift() -> None:
    assert needed_an_arm(0.03, 0.05) == 207_936
    assert needed_an_arm(0.03, 0.5) < 2_600
    assert needed_an_arm(0.0, 0.05) is None
    assert needed_an_arm(0.9, 0.5) is None


def test_arms_are_named_once() -> None:
    assert len(set(ARMS)) == 3
    assert Rate(0.1, 0.0, 0.2).value == 0.1
