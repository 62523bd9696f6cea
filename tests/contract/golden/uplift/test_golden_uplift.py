"""An artifact of an earlier release answers as it did; `regenerate.py` says how to change that on purpose."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from services.uplift.model import UpliftModel

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("uplift_golden", HERE / "regenerate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_artifact_loads_and_answers_as_it_did(script: Any) -> None:
    expected = json.loads((HERE / "answers.json").read_text())

    answers = json.loads(json.dumps(script.answers(UpliftModel.load(HERE))))

    assert {one["fields"]["group"] for one in expected} >= {"persuadable", "do_not_disturb"}
    for one, other in zip(answers, expected, strict=True):
        assert [one["fields"][name] for name in ("arm", "claim", "group", "best_arm")] == [
            other["fields"][name] for name in ("arm", "claim", "group", "best_arm")
        ]
        for name in ("effect", "response_without", "response_with"):
            assert one["fields"][name] == pytest.approx(other["fields"][name], abs=1e-6)
        assert one["margin"] == pytest.approx(other["margin"], abs=1e-6)
        assert [text for text, _ in one["reasons"]] == [text for text, _ in other["reasons"]]
