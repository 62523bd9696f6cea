"""What cannot be trusted is refused: missing, truncated, foreign or damaged artifacts."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.churn.model import ChurnModel, ChurnQuery
from shared.errors import ArtifactRefused


def changed(model: ChurnModel, folder: Path, **changes: Any) -> Path:
    model.save(folder)
    described = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**described, **changes}))
    return folder


@pytest.mark.parametrize("cut", [None, 0.0, 0.3, 0.7, 0.98], ids=lambda cut: "missing" if cut is None else f"{cut:.0%}")
def test_a_missing_or_truncated_file_is_refused(trained: Any, tmp_path: Path, cut: float | None) -> None:
    trained.model.save(tmp_path / "whole")
    for name in [path.name for path in (tmp_path / "whole").iterdir()]:
        folder = tmp_path / f"without-{name}"
        trained.model.save(folder)
        content = (folder / name).read_bytes()
        (folder / name).unlink()
        if cut is not None:
            (folder / name).write_bytes(content[: int(cut * len(content))])

        with pytest.raises(ArtifactRefused, match="Train it again"):
            ChurnModel.load(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"capability": "scoring"},
        {"kind": "forest"},
        {"kind": "lightgbm"},  # its text is missing
        {"calibration": {"slope": -1.0, "intercept": 0.0}},
        {"calibration": {"slope": "steep", "intercept": 0.0}},
        {"calibration": {"slope": float("nan"), "intercept": 0.0}},
        {"trained_at": "yesterday"},
        {"learner": None},
        {"learner": []},
        {"feature_set": None},
        {"feature_set": {"engine_version": 0, "features": []}},
        {"feature_set": {"engine_version": 1, "features": []}},
        {"feature_set": {"engine_version": 1, "features": [{"name": "a"}]}},
        {"episode": None},
        {"episode": {"waited_for": ["a"]}},
        {"episode": {"waited_for": 7, "contractual": True, "begun_by": [], "active_within_days": None}},
        {"episode": {"waited_for": [], "contractual": True, "begun_by": [], "active_within_days": "long"}},
        {"base": []},
        {"base": [0.0]},
        {"base": [0.0, 0.0, 0.0]},
        {"base": ["a", "b"]},
        {"base": [0.0, float("nan")]},
        {"periods": []},
        {"periods": [10.0]},
        {"periods": [30.0, 10.0]},
        {"periods": [10.0, 10.0]},
        {"periods": [0.0, 30.0]},
        {"periods": [-1.0, 30.0]},
        {"periods": [10.0, float("nan")]},
        {"periods": ["ten", "thirty"]},
        {"horizon_days": "soon"},
        {"horizon_days": 0},
        {"horizon_days": -30},
        {"value_types": None},
        {"value_types": 3},
        {"band_lifts": [1.0, 2.0]},
        {"band_lifts": ["low", "medium", "high"]},
        {"band_lifts": [2.0, 1.0, 4.0]},
        {"band_lifts": [-1.0, 1.0, 4.0]},
    ],
    ids=str,
)
def test_an_artifact_of_another_release_or_with_nonsense_is_refused(
    tiny: Any, tmp_path: Path, change: dict[str, Any]
) -> None:
    with pytest.raises(ArtifactRefused):
        ChurnModel.load(changed(tiny(), tmp_path, **change))


def test_a_learner_of_another_width_is_refused(trained: Any, tmp_path: Path) -> None:
    features = trained.model.feature_set.to_json()
    fewer = {**features, "features": features["features"][:-1]}

    with pytest.raises(ArtifactRefused):
        ChurnModel.load(changed(trained.model, tmp_path / "fewer", feature_set=fewer))
    if trained.model.kind != "logistic":  # which looks at the columns that it weighs, wherever the matrix ends
        with pytest.raises(ArtifactRefused):
            ChurnModel.load(changed(trained.model, tmp_path / "season", seasonal=not trained.model.seasonal))


@pytest.mark.parametrize("content", [b"[]", b"7", b"\xff\xfe", b"{}"])
def test_a_description_that_is_none_is_refused(tiny: Any, tmp_path: Path, content: bytes) -> None:
    tiny().save(tmp_path)
    (tmp_path / "model.json").write_bytes(content)

    with pytest.raises(ArtifactRefused):
        ChurnModel.load(tmp_path)


def test_arrays_that_hold_objects_are_refused_unread(tiny: Any, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (pytest.fail, ("a pickle was executed",))

    tiny().save(tmp_path)
    trap = np.array([Trap()], dtype=object)
    np.savez(tmp_path / "reference.npz", hazards=trap, mean=np.zeros(2), edges=np.zeros(1), shares=np.zeros(1))

    with pytest.raises(ArtifactRefused):
        ChurnModel.load(tmp_path)


@pytest.mark.parametrize(
    "other",
    [
        {"hazards": np.zeros((3, 99))},
        {"hazards": np.zeros((2, 98))},
        {"mean": np.zeros(3)},
        {"edges": np.zeros((2, 9))},
        {"shares": np.zeros((2, 11))},
        {"mean": np.full(2, np.nan)},
        {"hazards": np.full((2, 99), np.nan)},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_reference_of_another_curve_or_other_features_is_refused(tiny: Any, tmp_path: Path, other: Any) -> None:
    tiny().save(tmp_path)
    fitting = {
        "hazards": np.ones((2, 99)),
        "mean": np.full(2, 0.2),
        "edges": np.zeros((1, 9)),
        "shares": np.zeros((1, 11)),
    }
    np.savez(tmp_path / "reference.npz", **{**fitting, **other})

    with pytest.raises(ArtifactRefused):
        ChurnModel.load(tmp_path)


@given(st.data())
def test_a_damaged_byte_is_refused_or_changes_no_risk_silently_to_nonsense(
    tiny: Any, account: Any, day: Any, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    tiny().save(folder)
    path = data.draw(st.sampled_from(sorted(folder.iterdir())))
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)

    try:
        loaded = ChurnModel.load(folder)
    except ArtifactRefused:
        return

    pasts = account(("c", "order_placed", 99, 5.0), a={"c": 1.0})
    (scored,) = loaded.predict(pasts, day(100), ChurnQuery(horizons=(10,), survival=True, reasons=3))
    assert scored.probability is None or 0 <= scored.probability <= 1
