import os
import signal
from collections.abc import Iterator

import pytest

from foretell.ending import Ending


@pytest.fixture
def ending() -> Iterator[Ending]:
    made = Ending()
    yield made
    made.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_waiting(ending: Ending, number: signal.Signals) -> None:
    signal.raise_signal(number)

    assert ending.wait()
    assert ending()


def test_nothing_asked_is_told_after_the_given_time(ending: Ending) -> None:
    assert not ending.wait(0.0)


def test_the_signals_are_given_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    Ending().close()

    assert signal.getsignal(signal.SIGTERM) == before


def test_a_signal_that_no_handler_was_called_for_yet_ends_the_waiting_too(ending: Ending) -> None:
    os.write(ending._writing, bytes([signal.SIGTERM]))

    assert ending()
