"""What the registry hands out answers a table as the service answers contacts, with the season and without it."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest

from services.churn.model import ChurnModel, ChurnReference, Periods
from shared.contracts.outcome import ModelName
from shared.contracts.rows import DAY
from shared.evaluation.calibration import Calibrator
from shared.features import Feature, FeatureSet
from shared.learners.simple import Columns
from shared.learners.trees import Trees, TreeShape
from shared.registry.registration import MlflowRegistry, RegisteredRun
from shared.settings import Settings
from shared.timeline.risk import Episode

PLANS = ("basic", "gold", "pro", "team")
PERIODS = Periods((7.0, 30.0, 90.0))
FEATURES = FeatureSet(
    (
        Feature("spend", "numeric", "as given", "spend", attribute="spend"),
        Feature("visits", "numeric", "as given", "visits", attribute="visits"),
        Feature("plan", "categorical", "category", "plan", attribute="plan", categories=PLANS),
    )
)


def drawn(n: int, *, seed: int) -> np.ndarray:
    """Two numbers with holes and a category; code 4 is one that training never saw."""
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(n, 3))
    values[:, 2] = draw.integers(0, len(PLANS) + 1, n)
    values[::5, 1] = np.nan
    values[::9, 2] = np.nan
    return values


def version(*, seasonal: bool, contractual: bool) -> ChurnModel:
    values, draw = drawn(900, seed=3), np.random.default_rng(4)
    period = draw.integers(0, 3, 900).astype(float)
    angle = draw.uniform(0, 2 * np.pi, 900)
    time = [period, np.sin(angle), np.cos(angle)] if seasonal else [period]
    matrix = np.column_stack([values, *time])
    margin = values[:, 0] + (values[:, 2] == 2) + (np.sin(angle) if seasonal else 0) - 1
    labels = (margin + draw.logistic(size=900) > 0).astype(float)
    names = (*FEATURES.names, "period", *(("season_sine", "season_cosine") if seasonal else ()))
    trees = Trees.fit(
        matrix,
        labels,
        Columns(names, (2,)),
        shape=TreeShape(min_rows=20),
        rounds=30,
        seed=1,
        offset=np.full(900, -1.0),
    )
    hazards = np.cumsum(np.tile(np.linspace(0.01, 1, 99), (3, 1)), axis=0)
    return ChurnModel(
        outcome="parity",
        kind="lightgbm",
        grade="C",
        horizon_days=30,
        trained_at=datetime(2026, 5, 1, tzinfo=UTC),
        episode=Episode(("ended",), contractual=contractual),
        feature_set=FEATURES,
        learner=trees,
        calibrator=Calibrator(slope=0.9, intercept=-0.1),
        base=np.array([-2.0, -1.5, -1.0]),
        periods=PERIODS,
        seasonal=seasonal,
        reference=ChurnReference(hazards, np.full(3, 0.4), np.zeros((3, 9)), np.zeros((3, 11))),
    )


@pytest.mark.parametrize(("seasonal", "contractual"), [(False, True), (True, False)], ids=["plain", "season"])
def test_a_registered_version_answers_a_table_in_any_order_as_it_was_registered(
    tmp_path: Path,
    with_registry: Callable[[Path], Path],
    monkeypatch: pytest.MonkeyPatch,
    *,
    seasonal: bool,
    contractual: bool,
) -> None:
    model = version(seasonal=seasonal, contractual=contractual)
    settings = Settings(home=with_registry(tmp_path))
    model.save(tmp_path / "artifact")
    registered = MlflowRegistry.of(settings).register(
        "demo",
        ModelName("churn", "parity"),
        tmp_path / "artifact",
        RegisteredRun(inputs=model.table_inputs, outputs=model.table_outputs),
    )
    values, day = drawn(60, seed=7), np.linspace(20_000, 20_360, 60)
    plans = [None if np.isnan(code) else (*PLANS, "never seen")[int(code)] for code in values[:, 2]]
    table: dict[str, Any] = {"spend": values[:, 0], "visits": values[:, 1], "plan": pd.Series(plans, dtype=object)}
    if seasonal:
        table["cutoff_day"] = day
    monkeypatch.setenv("MLFLOW_TRACKING_URI", MlflowRegistry.of(settings).url)

    loaded = mlflow.pyfunc.load_model(f"models:/demo.churn.parity/{registered.version}")
    found = loaded.predict(pd.DataFrame(table)[[*table][::-1]])["risk_within_30_days"]

    expected = model.risk(model.hazard(values, (day * DAY).astype(np.int64)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
    assert len(np.unique(found)) > 20
    if seasonal:
        winter = model.risk(model.hazard(values, np.full(60, 20_000 * DAY)))
        assert np.abs(winter - expected).max() > 0.01
