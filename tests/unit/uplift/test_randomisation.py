"""An experiment is believed only where its arms were drawn by lot, and have the planned sizes."""

import numpy as np
import pytest

from services.uplift.training.randomisation import checked
from shared.errors import InsufficientData
from tests.unit.uplift.conftest import table_of

N = 2_000


def world(seed: int = 0) -> tuple[np.random.Generator, np.ndarray]:
    draw = np.random.default_rng(seed)
    return draw, draw.normal(size=(N, 3))


def test_arms_by_lot_pass() -> None:
    draw, matrix = world()
    table = table_of(matrix, draw.random(N) < 0.3, draw.random(N) < 0.5)

    (found,) = checked(table, ("control", "mail"), is_planned=True)

    assert found.predicted.low < 0.5 < found.predicted.high
    assert found.p_value is not None
    assert found.p_value > 0.001


def test_an_arm_that_features_tell_is_refused_with_what_to_do() -> None:
    draw, matrix = world()
    table = table_of(matrix, draw.random(N) < 0.3, draw.random(N) < 1 / (1 + np.exp(-matrix[:, 0])))

    with pytest.raises(InsufficientData, match=r"not given by lot[\s\S]*holdout"):
        checked(table, ("control", "mail"), is_planned=False)


def test_chances_that_are_known_of_each_contact_make_up_for_features() -> None:
    draw, matrix = world()
    chance = np.clip(1 / (1 + np.exp(-matrix[:, 0])), 0.2, 0.8)
    arm = draw.random(N) < chance
    table = table_of(matrix, draw.random(N) < 0.3, arm, chance=np.where(arm, chance, 1 - chance))

    (found,) = checked(table, ("control", "mail"), is_planned=True)

    assert not found.is_predictable


def test_arms_of_other_sizes_than_planned_are_refused() -> None:
    draw, matrix = world()
    table = table_of(matrix, draw.random(N) < 0.3, draw.random(N) < 0.58)

    with pytest.raises(InsufficientData, match="Sample ratio mismatch"):
        checked(table, ("control", "mail"), is_planned=True)


def test_sizes_say_nothing_where_no_chance_was_stated() -> None:
    draw, matrix = world()
    table = table_of(matrix, draw.random(N) < 0.3, draw.random(N) < 0.58)

    (found,) = checked(table, ("control", "mail"), is_planned=False)

    assert found.to_json()["size_p_value"] is None
