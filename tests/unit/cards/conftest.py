"""Rows of the catalogue as trainings of this release and of earlier ones leave them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from shared.contracts.input_drift import InputDrift
from shared.contracts.rows import DAY
from shared.evaluation.calibration import percentiles, placed
from shared.learners.simple import chance
from shared.store import VersionRow
from shared.training.evidence import plain_evidence, score_counts

TRAINED = 20_000 * DAY
LONG_AGO = TRAINED - 3 * DAY
HOSTILE = "<script>alert(1)</script>"


class World:
    """Held-out frames: 400 contacts with some frames each, alike in their chances."""

    def __init__(self, seed: int = 0, n: int = 2_000) -> None:
        generator = np.random.default_rng(seed)
        self.owner = np.sort(generator.integers(0, 400, n)).astype(np.int32)
        self.margin = generator.normal(size=400)[self.owner] + generator.normal(size=n) - 1.5
        self.labels = (generator.random(n) < chance(self.margin)).astype(np.float64)
        self.scores = placed(percentiles(self.margin), self.margin)
        self.counts = score_counts(self.labels, chance(self.margin), self.scores, self.owner)


@pytest.fixture(scope="session")
def world() -> World:
    return World()


def _interval(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


def _group(name: str, ratio: tuple[float, float, float], found: tuple[float, float, float], **more: Any) -> Any:
    counted = {"contacts": 300, "frames": 900, "positive_contacts": 60, "positives": 90, "base_rate": 0.1}
    figures = {"calibration_ratio": _interval(*ratio), "found": _interval(*found), "auc": _interval(0.7, 0.6, 0.8)}
    return {"name": name, **counted, "mean_prediction": 0.1, "compared": True, **figures, **more}


@pytest.fixture
def scored(world: World) -> VersionRow:
    """A version of scoring with all that its training keeps; its attributes hold what an attacker would write."""
    groups = [
        _group(HOSTILE, (1.3, 1.2, 1.4), (0.8, 0.7, 0.9)),
        _group("plain", (0.9, 0.8, 1.0), (0.7, 0.6, 0.8)),
        _group("few", (3.0, 0.1, 9.0), (0.0, 0.0, 0.1), compared=False),
    ]
    evidence = {
        **plain_evidence("How likely is an order?", [("order_placed_90d", 0.6), (HOSTILE, 0.4)], {"too_new": 7}),
        "scores": world.counts,
        "groups": {"from_score": 80, "attributes": [{"name": HOSTILE, "words": HOSTILE, "groups": groups}]},
    }
    return VersionRow(
        "scoring",
        "customer",
        "3",
        "d" * 64,
        "lightgbm",
        "B",
        TRAINED,
        30,
        "run",
        figures={"auc": _interval(0.8, 0.78, 0.82), "log_loss": _interval(0.3, 0.2, 0.4), "log_loss_constant": 0.5},
        report={
            "usable": True,
            "data": {"contacts": 400, "positive_contacts": 90, "frames": 2_000, "base_rate": 0.1},
            "candidates": [{"label": "constant", "kind": "constant", "log_loss": 0.5, "auc": 0.5}],
            "reliability": {"predicted": [0.1, 0.3], "seen": [0.1, 0.4], "count": [1_000, 1_000]},
            "lift": {"share": [0.1, 0.5], "lift": [3.0, None]},
            "importance": [["order_placed_90d", 0.6]],
            "leaks": [f"{HOSTILE}: its value alone predicts the outcome"],
            "left_out": [{"name": "name", "reason": HOSTILE, "remedy": ""}],
            "notes": [HOSTILE],
            "trained_until": LONG_AGO,
            "data_digest": "e" * 64,
            "evidence": evidence,
        },
        input_drift=InputDrift(200, 30, 60, 0, 0, 9),
    )


@pytest.fixture
def bare() -> Callable[[str], VersionRow]:
    """Make the row of a version that kept next to nothing: `bare("churn")`."""
    return lambda capability: VersionRow(capability, "x", "1", "d" * 64, "rule", "D", TRAINED, 30, "run")
