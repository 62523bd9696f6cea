import os
import signal
from collections.abc import Iterator

import pytest

from foretell.signals import StopRequest


@pytest.fixture
def stop() -> Iterator[StopRequest]:
    made = StopRequest()
    yield made
    made.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_waiting(stop: StopRequest, number: signal.Signals) -> None:
    signal.raise_signal(number)

    assert stop.wait()
    assert stop()


def test_no_request_is_returned_after_the_given_time(stop: StopRequest) -> None:
    assert not stop.wait(0.0)


def test_the_signals_are_given_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    StopRequest().close()

    assert signal.getsignal(signal.SIGTERM) == before


def test_a_signal_that_no_handler_was_called_for_yet_ends_the_waiting_too(stop: StopRequest) -> None:
    os.write(stop._writing, bytes([signal.SIGTERM]))

    assert stop()
