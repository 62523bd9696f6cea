"""The gate: whose effects lie closer to what newer assignments measured."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from services.uplift.model import UpliftModel
from services.uplift.schemas import UpliftChoices
from services.uplift.training import recipe
from services.uplift.training.fitting import UpliftFit
from services.uplift.training.material import UpliftMaterial
from shared.errors import ArtifactRefused, RegistryUnavailable
from tests.unit.uplift.conftest import DAY, NOW

OLD = NOW - 60 * DAY
"""The champion's data end before all assignments."""


def decided(fit: UpliftFit, material: UpliftMaterial, known_until: int = OLD) -> Any:
    row: Any = SimpleNamespace(
        version="1", digest="d", outcome="bought", report={"trained_until": known_until}, trained_at=NOW
    )
    run: Any = SimpleNamespace(registry=None, store=SimpleNamespace(account="demo"), choices=UpliftChoices(), now=NOW)
    return recipe.RECIPE.gate(run, material, fit, row)


@pytest.fixture
def champion(mailing_fit: UpliftFit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let a version be the champion."""

    def holds(model: UpliftModel) -> None:
        model.save(tmp_path)
        monkeypatch.setattr(recipe, "artifacts", lambda *_, **__: tmp_path)

    return holds


def test_a_challenger_replaces_a_champion_that_knows_the_average_alone(
    mailing_fit: UpliftFit, mailing_material: UpliftMaterial, champion: Callable[..., None]
) -> None:
    (arm,) = mailing_fit.model.arms
    champion(replace(mailing_fit.model, arms=(replace(arm, is_personal=False),)))

    found = decided(mailing_fit, mailing_material)

    assert (found.promote, found.decided) == (True, True)
    assert found.figures["difference_high"] < 0


def test_a_challenger_that_knows_less_is_refused(
    mailing_fit: UpliftFit, mailing_material: UpliftMaterial, champion: Callable[..., None]
) -> None:
    champion(mailing_fit.model)
    average = replace(mailing_fit.evidence, is_personal=(False,))

    found = decided(replace(mailing_fit, evidence=average), mailing_material)

    assert (found.promote, found.decided) == (False, True)


def test_without_newer_assignments_nothing_is_decided(mailing_fit: UpliftFit, mailing_material: UpliftMaterial) -> None:
    found = decided(mailing_fit, mailing_material, known_until=NOW)

    assert (found.promote, found.decided) == (False, False)


def test_a_champion_of_another_experiment_makes_way(
    mailing_fit: UpliftFit, mailing_material: UpliftMaterial, champion: Callable[..., None]
) -> None:
    (arm,) = mailing_fit.model.arms
    champion(replace(mailing_fit.model, arms=(replace(arm, name="post"),), best_for_all=None))

    found = decided(mailing_fit, mailing_material)

    assert (found.promote, "another experiment" in found.reason) == (True, True)


@pytest.mark.parametrize(
    ("error", "promoted"), [(ArtifactRefused("damaged"), True), (RegistryUnavailable("away"), False)]
)
def test_a_champion_that_cannot_be_had(
    mailing_fit: UpliftFit,
    mailing_material: UpliftMaterial,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    promoted: bool,
) -> None:
    def refused(*_: Any, **__: Any) -> Path:
        raise error

    monkeypatch.setattr(recipe, "artifacts", refused)

    assert decided(mailing_fit, mailing_material).promote is promoted


def test_a_table_without_times_has_no_newer_assignments(
    mailing_fit: UpliftFit, mailing_material: UpliftMaterial
) -> None:
    flat = replace(mailing_material, until=None)

    assert not decided(mailing_fit, flat).decided
