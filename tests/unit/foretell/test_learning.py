from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from foretell.learning import report_lines, told_if_insufficient
from shared.contracts.message import Message
from shared.errors import InsufficientData


@dataclass(frozen=True)
class FakeReport:
    leaks: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "winner": "trees of 7 leaves",
            "grade": "B",
            "data": {"frames": 77_570, "base_rate": 0.03316, "first_cutoff": "2025-11-01"},
            "candidates": [
                {"label": "constant", "log_loss": 0.17812},
                {"label": "trees of 7 leaves", "log_loss": 0.14571, "served": True},
            ],
            "figures": {"auc": {"value": 0.837, "low": 0.8215, "high": None}, "calibration_error": 0.025},
            "importance": [["email_clicked_30d", 0.5], ["country", 0.2]],
            "leaks": list(self.leaks),
            "left_out": [
                {"name": "age", "reason": "not dated", "remedy": "--static age,size"},
                {"name": "size", "reason": "not dated", "remedy": "--static age,size"},
                {"name": "name", "reason": "personal", "remedy": None},
            ],
            "notes": ["Figures come from 5 blocks."],
        }


@dataclass(frozen=True)
class FakePublished:
    promoted: bool = True
    reason: str = "first version"
    version: str = "3"
    report: FakeReport = FakeReport(("Tags (AUC alone 0.97)",))


def test_the_report_reads_as_a_table_with_what_was_left_out_and_why() -> None:
    lines = report_lines(FakePublished(), "acme.scoring.customer")

    assert lines[0] == "acme.scoring.customer version 3: grade B, served by trees of 7 leaves"
    assert "frames        77,570" in lines
    assert "label              log loss  served" in lines
    assert "constant           0.1781    -" in lines
    assert "trees of 7 leaves  0.1457    yes" in lines
    assert "auc                0.837 (0.8215 to -)" in lines
    assert "Most important: email_clicked_30d, country" in lines
    assert "Left out as a leak: Tags (AUC alone 0.97) (keep it with --allow)" in lines
    assert "Left out: age, size: not dated (--static age,size)" in lines
    assert "Left out: name: personal" in lines
    assert lines[-1] == "Promoted: first version."


def test_a_version_that_was_not_promoted_says_why() -> None:
    lines = report_lines(FakePublished(promoted=False, reason="no usable signal"), "acme.scoring.customer")

    assert lines[-1] == "Not promoted: no usable signal."


@dataclass
class FakeDatabase:
    published: list[Message] = field(default_factory=list)

    def of(self, account: str) -> "FakeDatabase":
        return self

    def publish(self, messages: Sequence[Message], *, at: int) -> None:
        self.published += messages


def test_a_training_that_is_refused_for_want_of_data_is_told_and_fails_all_the_same() -> None:
    database = FakeDatabase()

    with pytest.raises(InsufficientData), told_if_insufficient(database, "acme", "scoring", "customer"):  # type: ignore[arg-type]
        raise InsufficientData("12 contacts reached it; 40 are needed.", with_outcome=12, needed_with_outcome=40)

    assert [(one.type, one.data) for one in database.published] == [
        (
            "data.insufficient",
            {
                "capability": "scoring",
                "outcome": "customer",
                "detail": "12 contacts reached it; 40 are needed.",
                "counts": {"with_outcome": 12, "needed_with_outcome": 40},
            },
        )
    ]


def test_a_training_that_fails_otherwise_is_told_to_nobody() -> None:
    database = FakeDatabase()

    with pytest.raises(LookupError), told_if_insufficient(database, "acme", "scoring", "customer"):  # type: ignore[arg-type]
        raise LookupError

    assert database.published == []
