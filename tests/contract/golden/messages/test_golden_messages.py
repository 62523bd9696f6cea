"""An artifact of an earlier release answers as it did; `regenerate.py` says how to change that on purpose."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from services.messages.model import MessagePolicy

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("messages_golden", HERE / "regenerate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def numbers(one: Any) -> list[float]:
    runner_ups = [value for other in one["runner_ups"] for value in (other["expected_reward"], other["chance"])]
    shares = [share for _, share in one["reasons"]]
    return [one["margin"], one["propensity"], one["expected_reward"], *one["interval"].values(), *runner_ups, *shares]


def test_the_artifact_loads_and_answers_as_it_did(script: Any) -> None:
    expected = json.loads((HERE / "answers.json").read_text())

    answers = json.loads(json.dumps(script.answers(MessagePolicy.load(HERE))))

    assert {one["source"] for one in expected} == {"model", "population"}
    assert {one["message"] for one in expected} >= {"news", "sale"}
    for one, other in zip(answers, expected, strict=True):
        assert (one["source"], one["message"]) == (other["source"], other["message"])
        assert [text for text, _ in one["reasons"]] == [text for text, _ in other["reasons"]]
        assert numbers(one) == pytest.approx(numbers(other), abs=1e-6)
