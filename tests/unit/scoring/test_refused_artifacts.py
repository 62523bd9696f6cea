"""What cannot be trusted is refused: missing, truncated, foreign or damaged artifacts."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.model import ScoringModel
from shared.errors import ArtifactRefused


@pytest.mark.parametrize("cut", [None, 0.0, 0.3, 0.7, 0.98], ids=lambda cut: "missing" if cut is None else f"{cut:.0%}")
def test_a_missing_or_truncated_file_is_refused(model: ScoringModel, tmp_path: Path, cut: float | None) -> None:
    model.save(tmp_path / "whole")
    for name in [path.name for path in (tmp_path / "whole").iterdir()]:
        folder = tmp_path / f"without-{name}"
        model.save(folder)
        content = (folder / name).read_bytes()
        (folder / name).unlink()
        if cut is not None:
            (folder / name).write_bytes(content[: int(cut * len(content))])

        with pytest.raises(ArtifactRefused, match="Train it again"):
            ScoringModel.load(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"capability": "churn"},
        {"kind": "forest"},
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
        {"reached_by": 7},
    ],
    ids=str,
)
def test_an_artifact_of_another_release_or_with_nonsense_is_refused(
    model: ScoringModel, tmp_path: Path, change: dict[str, Any]
) -> None:
    model.save(tmp_path)
    described = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps({**described, **change}))

    with pytest.raises(ArtifactRefused):
        ScoringModel.load(tmp_path)


@pytest.mark.parametrize("content", [b"[]", b"7", b"\xff\xfe", b"{}"])
def test_a_description_that_is_none_is_refused(model: ScoringModel, tmp_path: Path, content: bytes) -> None:
    model.save(tmp_path)
    (tmp_path / "model.json").write_bytes(content)

    with pytest.raises(ArtifactRefused):
        ScoringModel.load(tmp_path)


def test_arrays_that_hold_objects_are_refused_unread(model: ScoringModel, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (pytest.fail, ("a pickle was executed",))

    model.save(tmp_path)
    np.savez(
        tmp_path / "reference.npz", margins=np.array([Trap()], dtype=object), edges=np.zeros(1), shares=np.zeros(1)
    )

    with pytest.raises(ArtifactRefused):
        ScoringModel.load(tmp_path)


def test_a_reference_of_other_features_is_refused(model: ScoringModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    np.savez(tmp_path / "reference.npz", margins=np.zeros(99), edges=np.zeros((2, 9)), shares=np.zeros((2, 11)))

    with pytest.raises(ArtifactRefused):
        ScoringModel.load(tmp_path)


@given(st.data())
def test_a_damaged_byte_is_refused_or_changes_no_margin_silently_to_nonsense(
    model: ScoringModel, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    model.save(folder)
    path = data.draw(st.sampled_from(sorted(folder.iterdir())))
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)

    try:
        loaded = ScoringModel.load(folder)
    except ArtifactRefused:
        return

    assert np.isfinite(loaded.predict_matrix(np.zeros((1, len(loaded.feature_set))))).all()
