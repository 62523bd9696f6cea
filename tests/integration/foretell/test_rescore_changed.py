"""Contacts with something new are scored soon after, on both databases; the services are fakes that answer as told."""

import contextlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from foretell.background.detect_changes import ChangeDetector
from foretell.background.rescore_changed import RescoreChanged
from shared.change_detection.service_answers import ServiceAnswer
from shared.contracts.rows import SECOND, EventRow, Microseconds
from shared.errors import UpstreamUnavailable
from shared.store import ChampionRow, Database


@dataclass
class Services:
    """Answer about everybody; some are away."""

    away: set[str] = field(default_factory=set)
    asked: list[tuple[str, list[str]]] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None

    def __call__(self, champion: ChampionRow, contact_ids: Sequence[str], *, reasons: int) -> ServiceAnswer:
        self.asked.append((champion.capability, list(contact_ids)))
        if champion.capability in self.away:
            raise UpstreamUnavailable("away")
        self.meanwhile()
        return ServiceAnswer.model_validate(
            {
                "predictions": [{"contact_id": one, "status": "ok"} for one in contact_ids],
                "model": {"version": champion.version, "grade": "B"},
                "cutoff": datetime(2026, 6, 1, tzinfo=UTC),
            }
        )


@dataclass
class Clock:
    seconds: float = 1_000.0

    def now(self) -> Microseconds:
        return int(self.seconds * SECOND)

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def services() -> Services:
    return Services()


@pytest.fixture
def rescore_changed(database: Database, services: Services, clock: Clock) -> RescoreChanged:
    """An account with champions of two capabilities, and the loop that follows it."""
    for name, outcome in (("churn", "churn"), ("scoring", "customer")):
        database.of("default").models.promote(name, outcome, "1", "digest", at=1, reason="first")
    stop = threading.Event()
    detector = ChangeDetector(database, services, 1.0, stop, clock.now)
    return RescoreChanged(database, detector, 5 * SECOND, 60 * SECOND, stop, clock.now, clock.monotonic)


def record(database: Database, clock: Clock, name: str = "1", *contact_ids: str) -> None:
    rows = [EventRow(one, name, "order_placed", clock.now(), clock.now()) for one in contact_ids or ("a",)]
    database.of("default").events.add(rows)


def test_a_contact_is_scored_for_every_champion_once_it_was_quiet(
    database: Database, rescore_changed: RescoreChanged, services: Services, clock: Clock
) -> None:
    record(database, clock)
    clock.seconds += 4
    rescore_changed.turn()
    assert services.asked == []

    clock.seconds += 1
    rescore_changed.turn()
    rescore_changed.turn()

    assert services.asked == [("churn", ["a"]), ("scoring", ["a"])]
    assert database.stale_accounts() == []


def test_a_contact_that_is_never_quiet_is_scored_all_the_same(
    database: Database, rescore_changed: RescoreChanged, services: Services, clock: Clock
) -> None:
    for number in range(20):
        record(database, clock, str(number))
        rescore_changed.turn()
        clock.seconds += 3.5

    assert services.asked == [("churn", ["a"]), ("scoring", ["a"])]


def test_a_service_that_is_away_loses_nothing_and_nobody_else_is_scored_twice(
    database: Database, rescore_changed: RescoreChanged, services: Services, clock: Clock
) -> None:
    services.away = {"churn"}
    record(database, clock)
    clock.seconds += 5
    with pytest.raises(UpstreamUnavailable):
        rescore_changed.turn()
    rescore_changed.turn()
    assert services.asked == [("churn", ["a"]), ("scoring", ["a"])]

    services.away = set()
    clock.seconds += 2
    rescore_changed.turn()

    assert services.asked[2:] == [("churn", ["a"])]
    assert database.stale_accounts() == []


def test_a_service_that_fails_again_and_again_is_called_less_often(
    database: Database, rescore_changed: RescoreChanged, services: Services, clock: Clock
) -> None:
    services.away = {"churn", "scoring"}
    record(database, clock)
    for _ in range(200):
        clock.seconds += 1
        with contextlib.suppress(UpstreamUnavailable):
            rescore_changed.turn()

    # After 5 seconds, then with rests of 2, 4, 8, 16, 32 and from then on 60.
    assert services.asked.count(("churn", ["a"])) == 8


def test_what_comes_while_a_contact_is_scored_is_scored_too(
    database: Database, rescore_changed: RescoreChanged, services: Services, clock: Clock
) -> None:
    record(database, clock, "1", "a", "b")
    clock.seconds += 5
    numbers = iter(range(100))
    services.meanwhile = lambda: record(database, clock, f"meanwhile-{next(numbers)}")
    rescore_changed.turn()
    services.meanwhile = lambda: None

    clock.seconds += 6
    rescore_changed.turn()

    assert services.asked == [
        ("churn", ["a", "b"]), ("scoring", ["a", "b"]), ("churn", ["a"]), ("scoring", ["a"]),
    ]  # fmt: skip


def test_after_a_restart_a_contact_is_scored_again_for_every_champion(
    database: Database, rescore_changed: RescoreChanged, services: Services, clock: Clock
) -> None:
    services.away = {"churn"}
    record(database, clock)
    clock.seconds += 5
    with pytest.raises(UpstreamUnavailable):
        rescore_changed.turn()
    services.away = set()

    RescoreChanged(database, rescore_changed.detector, 5 * SECOND, 60 * SECOND, rescore_changed.stop, clock.now).turn()

    assert services.asked[2:] == [("churn", ["a"]), ("scoring", ["a"])]


def test_an_account_without_a_champion_has_nobody_to_wait_for(
    database: Database, rescore_changed: RescoreChanged, services: Services, clock: Clock
) -> None:
    database.create_account("new", created_at=1)
    database.of("new").events.add([EventRow("a", "1", "order_placed", clock.now(), clock.now())])
    clock.seconds += 5

    rescore_changed.turn()

    assert (services.asked, database.stale_accounts()) == ([], [])


def test_a_stop_leaves_the_rest_for_the_next_worker(
    database: Database, rescore_changed: RescoreChanged, services: Services, clock: Clock
) -> None:
    record(database, clock)
    clock.seconds += 5
    services.meanwhile = rescore_changed.stop.set

    rescore_changed.turn()

    assert services.asked == [("churn", ["a"])]
    assert database.stale_accounts() == ["default"]
