"""The parts of a version as files: JSON, npz and LightGBM text; nothing that could run."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from services.sendtime.model.activity import Activity, Pooling
from services.sendtime.model.response import Pulling, Response
from services.sendtime.model.timing import Timing
from services.sendtime.model.week import DAYS, HOURS, SLOTS
from shared.errors import ArtifactRefused
from shared.evaluation.calibration import Calibrator
from shared.learners.trees import Trees

FORMAT = 1
Arrays = Mapping[str, NDArray[np.float64]]
_OF_ACTIVITY = ("population", "group_share", "group_hours", "group_days")
_OF_RESPONSE = ("campaign_effect", "slots", "sent", "group_share", "group_hours", "group_days")
UNREADABLE = (OSError, EOFError, KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError, BadZipFile)
"""What reading a damaged JSON or npz file raises."""


def save(folder: Path, described: Mapping[str, Any], activity: Activity, timings: Mapping[str, Timing]) -> None:
    """Write a version.

    Args:
        folder: made when absent.
        described: what is not an array of a part.
        activity: of the population.
        timings: by engagement.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {f"activity.{name}": getattr(activity, name) for name in _OF_ACTIVITY}
    for engagement, timing in timings.items():
        arrays |= {f"{engagement}.{name}": getattr(timing.response, name) for name in _OF_RESPONSE}
        if timing.trees is not None:
            (folder / f"{engagement}.txt").write_text(timing.trees.text, encoding="utf-8")
    np.savez(folder / "model.npz", allow_pickle=False, **arrays)
    whole = {
        **described,
        "format": FORMAT,
        "capability": "sendtime",
        "pooling": asdict(activity.pooling),
        "timings": {name: _timing_described(timing) for name, timing in timings.items()},
    }
    (folder / "model.json").write_text(json.dumps(whole, indent=1, sort_keys=True), encoding="utf-8")


def _timing_described(timing: Timing) -> dict[str, Any]:
    response = timing.response
    return {
        "kind": timing.kind,
        "varied": timing.varied,
        "base": response.base,
        "rate": response.rate,
        "campaigns": response.campaigns,
        "pulling": asdict(response.pulling),
        "calibration": {"slope": float(timing.calibrator.slope), "intercept": float(timing.calibrator.intercept)},
        "trees": None if timing.trees is None else timing.trees.to_json(),
    }


def load(folder: Path) -> tuple[Mapping[str, Any], Activity, dict[str, Timing]]:
    """Read what `save` wrote.

    Raises:
        ArtifactRefused: a file is missing, damaged, or made for another release.
    """
    try:
        described: Mapping[str, Any] = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        if described["format"] != FORMAT or described["capability"] != "sendtime":
            raise ArtifactRefused("The artifact was made for another release or capability. Train it again.")
        with (folder / "model.npz").open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        activity = _activity(described["pooling"], arrays)
        timings = {name: _timing(name, fields, arrays, folder) for name, fields in described["timings"].items()}
        if described["default"] is not None and described["default"] not in timings:
            raise ValueError("the default engagement is missing")
    except UNREADABLE as error:
        raise damaged() from error
    return described, activity, timings


def damaged() -> ArtifactRefused:
    """Say that an artifact cannot be read."""
    return ArtifactRefused("The artifact is damaged. Train it again.")


def _activity(pooling: Mapping[str, Any], arrays: Arrays) -> Activity:
    parts = [arrays[f"activity.{name}"] for name in _OF_ACTIVITY]
    k = len(parts[1])
    _require_shapes(parts, ((SLOTS,), (k,), (k, HOURS), (k, DAYS)))
    return Activity(Pooling(**pooling), *parts)


def _timing(name: str, fields: Mapping[str, Any], arrays: Arrays, folder: Path) -> Timing:
    parts = [arrays[f"{name}.{part}"] for part in _OF_RESPONSE]
    campaigns, k = tuple(fields["campaigns"]), len(parts[3])
    _require_shapes(parts, ((len(campaigns),), (SLOTS,), (SLOTS,), (k,), (k, HOURS), (k, DAYS)))
    trees = None
    if fields["trees"] is not None:
        trees = Trees.from_json(fields["trees"], (folder / f"{name}.txt").read_text(encoding="utf-8"))
    calibrator = Calibrator(fields["calibration"]["slope"], fields["calibration"]["intercept"])
    timing = Timing(
        name,
        Response(Pulling(**fields["pulling"]), fields["base"], fields["rate"], campaigns, *parts),
        calibrator,
        trees,
        fields["varied"],
    )
    if calibrator.slope <= 0 or not np.isfinite(timing.population_margins()).all():
        raise ValueError("the model answers no number")
    return timing


def _require_shapes(parts: list[NDArray[np.float64]], shapes: tuple[tuple[int, ...], ...]) -> None:
    if any(part.shape != shape or not np.isfinite(part).all() for part, shape in zip(parts, shapes, strict=True)):
        raise ValueError("an array has not the shape or the values it should have")
