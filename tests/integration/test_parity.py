"""What MLflow serves and what we serve are the same numbers."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.scoring.model import ScoringModel
from shared.contracts.outcome import ModelName
from shared.evaluation.calibration import Calibrator, Reference
from shared.features import Feature, FeatureSet
from shared.learners.simple import Columns
from shared.learners.trees import Trees, TreeShape
from shared.registry.registration import MlflowRegistry, RegisteredRun
from shared.settings import Settings

NAMES = ("spend", "visits", "plan")
PLANS = ("basic", "gold", "pro", "team")


def _matrix(n: int, *, seed: int) -> np.ndarray:
    """Two numbers with holes and a category; code 4 is one that training never saw."""
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(n, 3))
    values[:, 2] = draw.integers(0, len(PLANS) + 1, n)
    values[::5, 1] = np.nan
    values[::9, 2] = np.nan
    return values


@pytest.fixture
def model() -> ScoringModel:
    values, draw = _matrix(500, seed=3), np.random.default_rng(4)
    labels = (values[:, 0] + (values[:, 2] == 2) + draw.normal(size=500) > 0.5).astype(float)
    trees = Trees.fit(values, labels, Columns(NAMES, (2,)), shape=TreeShape(), rounds=30, seed=1)
    assert "num_cat=0\n" in trees.text
    assert "num_cat=1\n" in trees.text, "a category is split on"
    calibrator = Calibrator(slope=0.9, intercept=-0.1)
    return ScoringModel(
        outcome="parity",
        kind="lightgbm",
        grade="C",
        horizon_days=30,
        trained_at=datetime(2026, 5, 1, tzinfo=UTC),
        reached_by=(),
        feature_set=FeatureSet(
            (
                Feature("spend", "numeric", "as given", "spend", attribute="spend"),
                Feature("visits", "numeric", "as given", "visits", attribute="visits"),
                Feature("plan", "categorical", "category", "plan", attribute="plan", categories=PLANS),
            )
        ),
        learner=trees,
        calibrator=calibrator,
        reference=Reference.of(calibrator.margins(trees.margins(values)), values),
    )


@pytest.fixture
def settings(tmp_path: Path, with_registry: Callable[[Path], Path]) -> Settings:
    home = tmp_path / "home"
    home.mkdir()
    return Settings(home=with_registry(home))


@pytest.fixture
def uri(model: ScoringModel, settings: Settings, tmp_path: Path) -> str:
    """Where MLflow finds the model."""
    model.save(tmp_path / "artifact")
    run = RegisteredRun(inputs=model.table_inputs, outputs=model.table_outputs)
    registry = MlflowRegistry.of(settings)
    version = registry.register("demo", ModelName("scoring", "parity"), tmp_path / "artifact", run).version
    return f"models:/demo.scoring.parity/{version}"


@pytest.fixture
def matrix() -> np.ndarray:
    values = _matrix(60, seed=7)
    values[::7, 0] = np.nan
    return values


def _invocation(matrix: np.ndarray) -> bytes:
    """What MLflow is asked, with the columns in another order than the model's."""
    rows = [[None if np.isnan(value) else value for value in row[::-1]] for row in matrix.tolist()]
    for row in rows:
        row[0] = None if row[0] is None else (*PLANS, "never seen")[int(row[0])]
    return json.dumps({"dataframe_split": {"columns": NAMES[::-1], "data": rows}}).encode()


def _assert_same(answers: Any, model: ScoringModel, matrix: np.ndarray) -> None:
    served = np.array([answer["probability"] for answer in answers])
    np.testing.assert_allclose(served, model.predict_matrix(matrix), rtol=0, atol=1e-9)


@pytest.mark.filterwarnings("ignore")
async def test_the_app_that_mlflow_serves_gives_the_same_probabilities(
    model: ScoringModel,
    settings: Settings,
    uri: str,
    matrix: np.ndarray,
    asgi: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from mlflow import pyfunc
    from mlflow.pyfunc import scoring_server

    monkeypatch.setenv("_MLFLOW_IS_IN_SERVING_ENVIRONMENT", "true")  # as it sets it, but for this test alone
    with MlflowRegistry.of(settings).connected():
        app = scoring_server.init(pyfunc.load_model(uri))

    reply = await asgi(app).send("POST", "/invocations", _invocation(matrix), {"Content-Type": "application/json"})

    assert reply.status == 200, reply.body
    _assert_same(reply.json["predictions"], model, matrix)


@pytest.mark.slow
def test_mlflow_models_serve_gives_the_same_probabilities(
    model: ScoringModel, settings: Settings, uri: str, matrix: np.ndarray, unused_tcp_port: int
) -> None:
    _assert_same(_served(settings, uri, unused_tcp_port, _invocation(matrix)), model, matrix)


def _served(settings: Settings, uri: str, port: int, body: bytes) -> Any:
    """Ask `mlflow models serve`, a process of its own."""
    environment = {
        "MLFLOW_TRACKING_URI": MlflowRegistry.of(settings).url,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # it starts uvicorn by name
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "models", "serve", "-m", uri, "--env-manager", "local", "-p", str(port)],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return _answer(server, f"http://127.0.0.1:{port}/invocations", body)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.wait(120)


def _answer(server: "subprocess.Popen[bytes]", url: str, body: bytes) -> Any:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310
    while server.poll() is None:
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310
                return json.load(reply)["predictions"]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()[-2000:]) from error
        except urllib.error.URLError:
            # Not listening yet: wait for it, or for its end.
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(0.3)
    raise AssertionError(f"mlflow models serve ended with {server.returncode}")
