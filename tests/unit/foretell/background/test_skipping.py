"""A batch that a service can never answer is halved until the contact that it fails over is left alone."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from foretell.background.calls import Unanswerable
from foretell.background.detect_changes import ChangeDetector
from foretell.background.loops import LoopMetrics, LoopParts
from shared.change_detection.service_answers import AnsweringModel, ContactPrediction, ServiceAnswer
from shared.store import ChampionRow

CHAMPION = ChampionRow("acme", "scoring", "customer", "1", "digest", 5, None, None)


@dataclass
class Service:
    bad: set[str]
    calls: int = 0

    def __call__(self, champion: ChampionRow, contact_ids: Sequence[str], *, reasons: int) -> ServiceAnswer:
        self.calls += 1
        if self.bad.intersection(contact_ids):
            raise Unanswerable("The service scoring answered 500.")
        return ServiceAnswer(
            predictions=[ContactPrediction(contact_id=one, status="unknown_contact") for one in contact_ids],
            model=AnsweringModel(version="1", grade="B"),
            cutoff=datetime(2026, 6, 1, tzinfo=UTC),
        )


class NoStates:
    def of(self, account: str) -> "NoStates":
        return self

    @property
    def changes(self) -> "NoStates":
        return self

    def states(self, capability: str, outcome: str, ids: Sequence[str]) -> dict[str, Any]:
        return {}


def detector(service: Service) -> ChangeDetector:
    return ChangeDetector(NoStates(), service, 1.0, threading.Event(), lambda: 0)  # type: ignore[arg-type]


def test_the_others_of_a_batch_are_answered_and_one_is_skipped() -> None:
    service = Service({"c-007"})
    work = detector(service)

    answers = work.score(CHAMPION, [f"c-{number:03}" for number in range(1_000)], stale=())

    assert sum(len(one.predictions) for one in answers) == 999
    assert service.calls < 25
    assert work.metrics.skipped.labels("scoring")._value.get() == 1


def test_a_service_that_fails_over_everybody_is_not_called_a_thousand_times() -> None:
    ids = [f"c-{number:03}" for number in range(1_000)]
    service = Service(set(ids))

    with pytest.raises(Unanswerable):
        detector(service).score(CHAMPION, ids, stale=())

    assert service.calls < 40


def test_whatever_a_part_raises_the_others_have_their_turn() -> None:
    metrics, done = LoopMetrics(), list[str]()
    parts = LoopParts("following", metrics)

    assert parts.attempt(lambda: 1 / 0, account="bad") is None
    assert parts.attempt(lambda: done.append("good") or True, account="good") is True
    with pytest.raises(ZeroDivisionError):
        parts.end()
    assert metrics.part_failures.labels("following")._value.get() == 1
