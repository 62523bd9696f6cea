"""Off-policy intervals cover what is true: in the made world, where a plain bootstrap does not."""

import pytest

from bench.messages.coverage import SETTINGS, Setting, coverage
from bench.messages.world import DEVELOPMENT, MESSAGES, World

RUNS = 120


@pytest.mark.slow
@pytest.mark.parametrize("setting", SETTINGS[:3], ids=lambda one: one.name)
def test_intervals_cover_the_truth_also_of_rare_clicks(setting: Setting) -> None:
    found = coverage(setting, DEVELOPMENT, RUNS)

    for method in ("ips", "snips", "dr", "snips against equal chances", "dr against equal chances"):
        assert found.covered[method] >= 0.87, method


def test_the_world_is_as_it_was_before_any_policy() -> None:
    world = World(DEVELOPMENT)
    chances = world.chances(world.contacts(5_000, stream=9))

    assert chances.shape == (5_000, len(MESSAGES))
    assert chances.mean() == pytest.approx(0.0676, abs=0.001)
    assert chances.mean(axis=0).max() == pytest.approx(0.0843, abs=0.002)
    assert chances.max(axis=1).mean() == pytest.approx(0.1176, abs=0.002)
