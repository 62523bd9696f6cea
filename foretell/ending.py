"""Being told to stop: SIGTERM or SIGINT, whichever thread the signal lands on."""

import os
import select
import signal
from types import FrameType

NUMBERS = (signal.SIGINT, signal.SIGTERM)


class Ending:
    """Remembers that the process was told to stop; made in the main thread, once.

    The interpreter writes each signal's number into a pipe at once, and that is believed: a handler is called only
    when the main thread runs Python again, whichever thread received the signal.
    """

    def __init__(self) -> None:
        """Take the signals from now on."""
        self.asked = False
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self._before = {number: signal.signal(number, self._ask) for number in NUMBERS}
        self._wakeup_before = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)

    def _ask(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a handler's signature
        self.asked = True

    def __call__(self) -> bool:
        """Tell whether it was asked for."""
        return self.wait(0.0)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it is asked for, or for some seconds.

        Args:
            seconds: None: as long as it takes.
        """
        while not self.asked:
            readable, _, _ = select.select([self._reading], [], [], seconds)
            if readable and set(os.read(self._reading, 64)) & set(NUMBERS):
                self.asked = True
            if seconds is not None:
                break
        return self.asked

    def close(self) -> None:
        """Give the signals back."""
        signal.set_wakeup_fd(self._wakeup_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._reading)
        os.close(self._writing)
