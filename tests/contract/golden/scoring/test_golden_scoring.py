"""An artifact of an earlier release answers as it did; `regenerate.py` says how to change that on purpose."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.scoring.model import ScoringModel
from shared.timeline import ContactFacts, Pasts, build
from shared.timeline.past_rows import DatedValue

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def kept() -> Any:
    return json.loads((HERE / "pasts.json").read_text())


@pytest.fixture(scope="module")
def pasts(kept: Any) -> Pasts:
    facts = {
        name: ContactFacts(
            created_at=fact["created_at"],
            timezone=fact["timezone"],
            attributes=tuple(DatedValue(*one) for one in fact["attributes"]),
        )
        for name, fact in kept["facts"].items()
    }
    return build(kept["contact_ids"], facts, [[tuple(row) for row in kept["events"]]])


@pytest.mark.parametrize("kind", ["lightgbm", "logistic", "rule"])
def test_the_artifact_loads_and_answers_as_it_did(kind: str, kept: Any, pasts: Pasts) -> None:
    expected = json.loads((HERE / kind / "answers.json").read_text())

    answers = ScoringModel.load(HERE / kind).predict(pasts, np.array(kept["cutoffs"]), reasons=5)

    assert len(answers) == len(expected) == 26
    for answer, wanted in zip(answers, expected, strict=True):
        # Another machine's logarithm may differ in the last bit, nothing else may.
        assert answer.margin == pytest.approx(wanted["margin"], rel=1e-9, abs=1e-12)
        assert answer.probability == pytest.approx(wanted["probability"], rel=1e-9)
        assert answer.parts == pytest.approx(wanted["parts"], rel=1e-9, abs=1e-12)
        assert (answer.score, answer.band, answer.truncated) == tuple(
            wanted[name] for name in ("score", "band", "truncated")
        )
        assert [(reason.feature, reason.value, reason.text) for reason in answer.reasons] == [
            (reason["feature"], reason["value"], reason["text"]) for reason in wanted["reasons"]
        ]


def test_the_answers_are_worth_keeping(kept: Any) -> None:
    expected = json.loads((HERE / "lightgbm" / "answers.json").read_text())

    assert len({answer["probability"] for answer in expected}) > 15
    assert len({answer["band"] for answer in expected}) >= 3
