"""Children of one machine: forked from one process that has loaded what all of them need, none outlives its parent.

Loading the libraries takes seconds of a processor: six processes, each for itself, kept two cores busy for half a
minute. Forked ones share what is loaded, its memory too.
"""

import multiprocessing
import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any

from setproctitle import setproctitle

from shared.environment import unblock_training_libraries

GRACE_SECONDS = 10.0
PRELOADED = "foretell.preloaded"


def preload() -> None:
    """Begin to load what children share, unless that is done; nothing is waited for."""
    multiprocessing.get_context("forkserver").set_forkserver_preload([PRELOADED])
    forkserver.ensure_running()


def launched(
    arguments: Sequence[str], *, environment: Mapping[str, str], log: Path, lifeline: int
) -> ForkServerProcess:
    """Start a module as a child in a process group of its own.

    Args:
        arguments: the module, and what follows it on the command line.
        environment: all that it sees of one.
        log: what it writes to stdout and stderr is appended there.
        lifeline: reading end of a pipe whose writing end only this process holds. However this process ends, kill -9
            included, the pipe closes, and the group of the child gets a signal to stop, then one that makes it.
    """
    preload()
    process = multiprocessing.get_context("forkserver").Process(
        target=_run, args=(list(arguments), dict(environment), log, _Lifeline(lifeline))
    )
    process.start()
    return process


class _Lifeline:
    """A descriptor that goes along to a child."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __reduce__(self) -> tuple[Any, ...]:
        return _taken, (DupFd(self.descriptor),)


def _taken(handed: Any) -> _Lifeline:
    return _Lifeline(handed.detach())


def _run(arguments: Sequence[str], environment: Mapping[str, str], log: Path, lifeline: _Lifeline) -> None:
    """Become the module, in the forked process."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # one that came since the fork is heard now
    os.setsid()
    with log.open("ab") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    setproctitle(" ".join(["foretell:", *arguments]))  # before the environment goes: the title lies beside it
    os.environ.clear()
    os.environ.update(environment)
    threading.Thread(target=end_with_parent, args=(lifeline.descriptor,), daemon=True, name="parent-watch").start()
    unblock_training_libraries()  # each module blocks what it does without
    sys.argv = list(arguments)
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


def end_with_parent(descriptor: int, *, grace_seconds: float = GRACE_SECONDS) -> None:
    """Wait until the pipe closes, then end the whole process group."""
    while os.read(descriptor, 1):
        pass
    os.killpg(os.getpgrp(), signal.SIGTERM)
    time.sleep(grace_seconds)
    os.killpg(os.getpgrp(), signal.SIGKILL)
