"""An artifact of an earlier release answers as it did; `regenerate.py` says how to change that on purpose."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from services.recommendations.model.recommender import RecommendationModel

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("recommendations_golden", HERE / "regenerate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_artifact_loads_and_answers_as_it_did(script: Any) -> None:
    expected = json.loads((HERE / "answers.json").read_text())

    answers = json.loads(json.dumps(script.answers(RecommendationModel.load(HERE))))

    assert {one["source"] for one in expected} == {"model", "population"}
    for one, other in zip(answers, expected, strict=True):
        assert one["source"] == other["source"]
        assert one["margin"] == pytest.approx(other["margin"], abs=1e-6)
        assert [item[:2] for item in one["items"]] == [item[:2] for item in other["items"]]
        for item, same in zip(one["items"], other["items"], strict=True):
            assert item[2] == pytest.approx(same[2], abs=1e-6)
            assert [text for text, _ in item[3]] == [text for text, _ in same[3]]
            assert [share for _, share in item[3]] == pytest.approx([share for _, share in same[3]], abs=1e-6)
