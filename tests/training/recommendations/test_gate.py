"""The gate: champion and challenger list for the same contacts in a window that neither learned from."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from services.recommendations.schemas import RecommendationChoices
from services.recommendations.training import recipe
from services.recommendations.training.fitting import RecommendationFit
from services.recommendations.training.material import material_of
from shared.errors import ArtifactRefused, RegistryUnavailable
from tests.unit.recommendations.conftest import DAY, RecsShop


def decided(fit: RecommendationFit, shop: RecsShop, known_until: int) -> Any:
    material = material_of(shop.pasts, now=shop.until, horizon_days=40)
    row: Any = SimpleNamespace(version="1", digest="d", report={"trained_until": known_until}, trained_at=shop.until)
    run: Any = SimpleNamespace(
        registry=None, store=SimpleNamespace(account="demo"), choices=RecommendationChoices(), now=shop.until
    )
    return recipe.RECIPE.gate(run, material, fit, row)


@pytest.mark.parametrize("age_days", [60, 20])
def test_an_equal_challenger_passes_on_the_window_that_is_newer(
    recs_fit: RecommendationFit, recs_shop: RecsShop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age_days: int
) -> None:
    recs_fit.model.save(tmp_path)
    monkeypatch.setattr(recipe, "artifacts", lambda *_, **__: tmp_path)

    found = decided(recs_fit, recs_shop, recs_shop.until - age_days * DAY)

    assert found.decided
    assert found.figures["frames"] > 200
    assert found.figures["champion_ndcg"] > 0.3
    assert found.figures["challenger_ndcg"] == pytest.approx(found.figures["champion_ndcg"], abs=0.2)


def test_too_short_a_newer_window_decides_nothing(recs_fit: RecommendationFit, recs_shop: RecsShop) -> None:
    found = decided(recs_fit, recs_shop, recs_shop.until - 3 * DAY)

    assert (found.promote, found.decided) == (False, False)


@pytest.mark.parametrize(
    ("error", "promoted"), [(ArtifactRefused("damaged"), True), (RegistryUnavailable("away"), False)]
)
def test_a_champion_that_cannot_be_had(
    recs_fit: RecommendationFit,
    recs_shop: RecsShop,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    promoted: bool,
) -> None:
    def refused(*_: Any, **__: Any) -> Path:
        raise error

    monkeypatch.setattr(recipe, "artifacts", refused)

    assert decided(recs_fit, recs_shop, recs_shop.until - 60 * DAY).promote is promoted
