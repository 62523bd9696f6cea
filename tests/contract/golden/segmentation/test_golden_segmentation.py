"""An artifact of an earlier release answers as it did; `regenerate.py` says how to change that on purpose."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from services.segmentation.model import SegmentationModel

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("segmentation_golden", HERE / "regenerate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_artifact_loads_and_answers_as_it_did(script: Any) -> None:
    expected = json.loads((HERE / "answers.json").read_text())

    answers = [script.told(one) for one in SegmentationModel.load(HERE).predict(*script.kept_pasts(), reasons=5)]

    words = ("status", "segment", "micro")
    assert [[one[name] for name in words] for one in answers] == [[one[name] for name in words] for one in expected]
    for one, other in zip(answers, expected, strict=True):
        assert one["membership"] == pytest.approx(other["membership"], abs=1e-9)
        assert one["margin"] == pytest.approx(other["margin"], abs=1e-9)
        assert [(name, text) for name, _, text in one["reasons"]] == [
            (name, text) for name, _, text in other["reasons"]
        ]
        assert [share for _, share, _ in one["reasons"]] == pytest.approx(
            [share for _, share, _ in other["reasons"]], abs=1e-9
        )


def test_the_kept_answers_cover_every_segment(script: Any) -> None:
    expected = json.loads((HERE / "answers.json").read_text())

    assert {one["segment"] for one in expected} == {"s1", "s2", "s3"}
