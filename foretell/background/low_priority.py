"""Children of the worker for long work: of low priority, one thread wide, ended with the worker however that ends.

A child is `python -m MODULE ARGUMENT... LIFELINE`. LIFELINE is the reading end of a pipe whose writing end only the
worker holds: however that ends, so does the child.
"""

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from foretell.child import end_with_parent
from shared.http import telemetry
from shared.settings import WorkerSettings, read

LOOK_SECONDS = 0.25
GRACE_SECONDS = 6.0
"""How long a child may take to end the part that is under way; shorter than what the worker waits for its loops."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""A second thread would be taken from those who answer requests."""
NICENESS = 10
"""Requests come first."""
AUTOGROUP = Path("/proc/self/autogroup")
"""How nice the session of a process is (Linux). Source: sched(7)."""


@dataclass(frozen=True, slots=True)
class Children:
    """Starts modules as children, one call at a time."""

    stop: threading.Event
    """Ends the child that runs."""
    command: Sequence[str] = (sys.executable, "-m")
    """What runs a module."""

    def run(self, module: str, *arguments: str) -> int:
        """Run a child to its end, or until this process is told to stop; return its exit code, 0 when it was stopped.

        Args:
            module: what it is.
            arguments: of its command line; the lifeline follows them.
        """
        reading, writing = os.pipe()
        try:
            child = subprocess.Popen(  # noqa: S603 - our own interpreter and module names
                [*self.command, module, *arguments, str(reading)],
                env={**os.environ, **ONE_THREAD},
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=(reading,),
            )
            return self._end_of(child)
        finally:
            os.close(reading)
            os.close(writing)

    def _end_of(self, child: "subprocess.Popen[bytes]") -> int:
        while True:
            try:
                return child.wait(LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                if self.stop.is_set():
                    break
        child.terminate()
        try:
            child.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        return 0


def begin(name: str, interrupted: Callable[[BaseException], None]) -> tuple[WorkerSettings, threading.Event, list[str]]:
    """Become such a child: called first by its module.

    Args:
        name: of the process, in its log.
        interrupted: logs what ends it unforeseen, without its message, which may hold a payload.

    Returns:
        The settings, what is set when it is to stop, and the arguments of the command line.
    """
    os.umask(0o077)
    *arguments, lifeline = sys.argv[1:]
    os.set_inheritable(int(lifeline), False)
    threading.Thread(target=end_with_parent, args=(int(lifeline),), daemon=True, name="parent-watch").start()
    settings = read(WorkerSettings)
    telemetry.configure(settings.log_level, name)
    sys.excepthook = lambda _, error, __: interrupted(error)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return settings, stop, arguments


def give_way() -> None:
    """Let everything that answers requests have the processor first.

    Linux with autogroups shares the processor between sessions, and heeds how nice processes are only within each: a
    child has a session of its own, which is made nice too.
    """
    os.nice(NICENESS)
    with suppress(OSError):  # another system, or without autogroups
        AUTOGROUP.write_text(str(NICENESS))


def bound_memory(most_bytes: int | None) -> None:
    """Let this process fail with a MemoryError beyond so many bytes of its own data; None: without bound."""
    if most_bytes is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (most_bytes, hard))
