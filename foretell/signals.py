"""SIGTERM and SIGINT as a request to stop, whichever thread the signal lands on."""

import os
import select
import signal
from types import FrameType

NUMBERS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Remembers that a signal requested the process to stop; made in the main thread, once.

    The interpreter writes each signal's number into a pipe at once, and that is believed: a handler is called only
    when the main thread runs Python again, whichever thread received the signal.
    """

    def __init__(self) -> None:
        """Take the signals from now on."""
        self.requested = False
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self._before = {number: signal.signal(number, self._remember) for number in NUMBERS}
        self._wakeup_before = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)

    def _remember(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a handler's signature
        self.requested = True

    def __call__(self) -> bool:
        """Return whether a stop was requested."""
        return self.wait(0.0)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until a stop is requested, or for some seconds.

        Args:
            seconds: None: as long as it takes.
        """
        while not self.requested:
            readable, _, _ = select.select([self._reading], [], [], seconds)
            if readable and set(os.read(self._reading, 64)) & set(NUMBERS):
                self.requested = True
            if seconds is not None:
                break
        return self.requested

    def close(self) -> None:
        """Give the signals back."""
        signal.set_wakeup_fd(self._wakeup_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._reading)
        os.close(self._writing)
