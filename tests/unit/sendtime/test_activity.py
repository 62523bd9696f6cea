import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from services.sendtime.model.activity import BLOCK, Activity, Pooling
from services.sendtime.model.local_week import SLOTS, by_hour

POOLING = Pooling(groups=2, strength=20.0, day_strength=20.0, smoothing=0.1)


def habits(hours: list[int], *, acts: int = 40, seed: int = 0) -> np.ndarray:
    """One row a contact: acts at one hour, spread over the weekdays."""
    draw = np.random.default_rng(seed)
    counts = np.zeros((len(hours), SLOTS))
    for row, hour in enumerate(hours):
        np.add.at(counts[row], draw.integers(0, 7, acts) * 24 + hour, 1.0)
    return counts


@pytest.fixture(scope="module")
def activity() -> Activity:
    return Activity.fit(habits([9] * 60 + [20] * 60), POOLING)


def test_shares_of_every_stage_sum_to_1(activity: Activity) -> None:
    stages = activity.stages(habits([9, 20, 3]))

    for stage in (stages.lookalike, stages.hours, stages.days):
        assert_allclose(stage.sum(axis=1), 1.0)


def test_a_contact_without_acts_is_the_mixture_of_the_groups(activity: Activity) -> None:
    stages = activity.stages(np.zeros((1, SLOTS)))

    hours = by_hour(stages.days)[0]
    assert hours[9] == pytest.approx(hours[20], rel=0.05)
    assert stages.evidence[0] == 0.0


def test_one_act_is_enough_to_look_like_the_group_that_acts_then(activity: Activity) -> None:
    once = habits([20], acts=1)

    hours = by_hour(activity.stages(once).lookalike)[0]

    assert hours[20] > 5 * hours[9]


def test_a_habit_of_one_s_own_shows_with_enough_acts(activity: Activity) -> None:
    stages = activity.stages(habits([3], acts=200))

    assert by_hour(stages.days)[0].argmax() == 3
    assert by_hour(stages.lookalike)[0].argmax() != 3


def test_a_machine_is_one_voice_among_many() -> None:
    people = habits([9] * 50)
    machine = habits([4], acts=50_000)

    with_machine = Activity.fit(np.vstack([people, machine]), POOLING)

    assert by_hour(with_machine.population)[9] > 0.5
    assert by_hour(with_machine.population)[4] < 0.1
    assert np.isfinite(with_machine.stages(machine).days).all()


@given(st.lists(st.floats(0, 1e5), min_size=SLOTS, max_size=SLOTS))
def test_whatever_somebody_did_the_shares_are_shares(counts: list[float]) -> None:
    activity = Activity.fit(habits([9] * 60 + [20] * 60), POOLING)

    shares = activity.stages(np.array([counts])).days

    assert (shares > 0).all()
    assert shares.sum() == pytest.approx(1.0)


def test_without_any_act_it_is_exactly_the_population(activity: Activity) -> None:
    stages = activity.stages(np.zeros((1, SLOTS)))

    assert_allclose(stages.days[0], stages.population, rtol=1e-6)


def test_many_contacts_are_weighed_as_each_is_alone(activity: Activity) -> None:
    counts = np.random.default_rng(4).gamma(0.3, 2.0, (2 * BLOCK + 3, SLOTS))

    together = activity.membership(counts)

    np.testing.assert_array_equal(together, np.concatenate([activity.membership(one[None]) for one in counts]))
