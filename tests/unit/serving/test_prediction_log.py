import threading
from collections.abc import Sequence
from typing import Any

import pytest

from shared.serving.metrics import ServiceMetrics
from shared.serving.threads import PredictionLog


class Written:
    def __init__(self) -> None:
        self.batches: list[tuple[str, list[Any]]] = []
        self.gate = threading.Event()
        self.fails = 0

    def __call__(self, account: str, rows: Sequence[Any]) -> None:
        assert self.gate.wait(10)
        if self.fails:
            self.fails -= 1
            raise OSError("disk full")
        self.batches.append((account, list(rows)))


@pytest.fixture
def written() -> Written:
    return Written()


@pytest.fixture
def metrics() -> ServiceMetrics:
    return ServiceMetrics()


def test_everything_queued_is_written_by_account_before_it_closes(written: Written, metrics: ServiceMetrics) -> None:
    log = PredictionLog(written, bound=10, metrics=metrics)
    log.add("b", [1, 2])
    log.add("a", [3])
    log.add("b", [4])
    written.gate.set()

    log.start()
    log.close()

    assert written.batches == [("a", [3]), ("b", [1, 2, 4])]


def test_under_pressure_predictions_are_dropped_and_counted(written: Written, metrics: ServiceMetrics) -> None:
    log = PredictionLog(written, bound=3, metrics=metrics)
    log.start()

    log.add("a", [1, 2])
    log.add("a", [3, 4, 5])
    written.gate.set()
    log.close()

    assert [row for _, rows in written.batches for row in rows] == [1, 2, 3]
    assert metrics.log_dropped._value.get() == 2


def test_a_store_that_fails_is_logged_once_and_the_writer_lives(
    written: Written, metrics: ServiceMetrics, caplog: pytest.LogCaptureFixture
) -> None:
    written.fails = 2
    written.gate.set()
    log = PredictionLog(written, bound=10, metrics=metrics)

    log.add("a", [1])
    log.add("b", [2])
    log.add("c", [3])
    log.start()
    log.close()

    assert written.batches == [("c", [3])]
    assert metrics.log_dropped._value.get() == 2
    assert [record.getMessage() for record in caplog.records] == ["predictions.not_logged"]


def test_what_comes_after_the_end_is_counted_as_dropped(written: Written, metrics: ServiceMetrics) -> None:
    log = PredictionLog(written, bound=10, metrics=metrics)
    log.close()

    log.add("a", [1])

    assert metrics.log_dropped._value.get() == 1
