"""What is made once a run, however many workers there are."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

RUN = "PYTEST_MADE_ONCE_IN"
"""Where a run that a test starts finds what this one has made."""


def folder_of_run(factory: pytest.TempPathFactory) -> Path:
    """Return the folder that all workers share."""
    if RUN in os.environ:
        return Path(os.environ[RUN])
    return factory.getbasetemp().parent if "PYTEST_XDIST_WORKER" in os.environ else factory.getbasetemp()


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Make a folder once for all workers of this run: whoever comes first does it, the others wait."""
    run = folder_of_run(factory)
    folder, done = run / name, run / f"{name}.done"
    with (run / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            done.touch()
    return folder
