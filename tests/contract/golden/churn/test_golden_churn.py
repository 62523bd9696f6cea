"""An artifact of an earlier release answers as it did; `regenerate.py` says how to change that on purpose."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.churn.model import ChurnModel, ChurnQuery
from shared.timeline import ContactFacts, Pasts, build
from shared.timeline.past_rows import DatedValue

HERE = Path(__file__).parent
NUMBERS = ("probability", "margin", "base", "days_to_event", "value_at_risk")
ASKED = ChurnQuery(horizons=(7, 60, 365), survival=True, reasons=5)


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


def expected(name: str) -> Any:
    return json.loads((HERE / name / "answers.json").read_text())


def pairs(listed: Any) -> list[tuple[int, Any]]:
    """Days and numbers; another machine's logarithm may differ in the last bits, nothing else may."""
    return [(day, None if number is None else pytest.approx(number, rel=1e-9, abs=1e-12)) for day, number in listed]


@pytest.mark.parametrize("name", ["silence", "cancellation", "flat"])
def test_the_artifact_loads_and_answers_as_it_did(name: str, kept: Any, pasts: Pasts) -> None:
    answers = ChurnModel.load(HERE / name).predict(pasts, np.array(kept["cutoffs"]), ASKED)

    assert len(answers) == len(kept["contact_ids"]) == len(expected(name))
    for answer, wanted in zip(answers, expected(name), strict=True):
        for number in NUMBERS:
            found = getattr(answer, number)
            assert found == (None if wanted[number] is None else pytest.approx(wanted[number], rel=1e-9, abs=1e-12))
        assert answer.horizons == pairs(wanted["horizons"])
        assert answer.survival == pairs(wanted["survival"])
        assert [(reason.feature, reason.value, reason.text) for reason in answer.reasons] == [
            (reason["feature"], reason["value"], reason["text"]) for reason in wanted["reasons"]
        ]
        rest = wanted.keys() - {*NUMBERS, "horizons", "survival", "reasons", "inputs"}
        assert {field: _plain(getattr(answer, field)) for field in rest} == {field: wanted[field] for field in rest}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def test_each_artifact_is_what_it_is_kept_for() -> None:
    silence, cancellation, flat = (ChurnModel.load(HERE / name) for name in ("silence", "cancellation", "flat"))

    assert (silence.kind, silence.seasonal, silence.episode.contractual) == ("lightgbm", True, False)
    assert (cancellation.kind, cancellation.begun_by) == ("logistic", ("subscription_started",))
    assert cancellation.episode.contractual
    assert (flat.kind, flat.is_flat) == ("rule", True)


@pytest.mark.parametrize("name", ["silence", "cancellation"])
def test_the_answers_are_worth_keeping(name: str) -> None:
    answers = expected(name)

    assert len({answer["probability"] for answer in answers}) > 8
    assert len({answer["band"] for answer in answers}) >= 3
    assert any(answer["value_at_risk"] for answer in answers)
    assert any(answer["days_to_event"] for answer in answers)
    assert any(answer["data_quality"] == ["horizon_beyond_data"] for answer in answers)
    assert {answer["status"] for answer in answers} >= ({"ok", "not_eligible"} if name == "silence" else {"ok"})
