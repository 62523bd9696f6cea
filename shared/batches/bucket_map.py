"""One task a bucket: in this process one after the other, or on the workers of a Dask scheduler.

Nothing is shuffled: a bucket holds whole contacts, so that a task reads its own files and needs no other one. A worker
that dies in the middle of a task costs that task alone, which another one does again.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from shared.errors import SettingsRefused

CONNECT_SECONDS: Final = 20.0
"""How long a scheduler may take to answer."""
WORKERS_SECONDS: Final = 120.0
"""How long the first worker may take to join."""
Task = TypeVar("Task")
Result = TypeVar("Result")


def mapped(
    work: Callable[[Task], Result],
    tasks: Sequence[Task],
    *,
    scheduler: str | None,
    connect_seconds: float = CONNECT_SECONDS,
) -> Iterator[Result]:
    """Do each task, and give the results in the order of the tasks, each as soon as those before it are there.

    Args:
        work: a function that can be done twice: a task whose worker died is done again by another one.
        tasks: what it is given, one each; with a scheduler both are pickled.
        scheduler: address of a Dask scheduler; None: this process does them.
        connect_seconds: how long it may take to answer.

    Raises:
        SettingsRefused: Dask is not installed, no scheduler or worker answers, or workers die of one task again and
            again.
        ForetellError: what a task raised.
    """
    if scheduler is None:
        yield from map(work, tasks)
        return
    with connected(scheduler, connect_seconds) as client:
        yield from _in_order(client, work, tasks)


def _in_order(client: Any, work: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
    from distributed import KilledWorker

    # Not pure: a task writes a file, which an earlier run with the same arguments has not written for this one.
    waiting = deque(client.map(work, tasks, pure=False))
    while waiting:
        try:
            result: Result = waiting.popleft().result()
        except KilledWorker as error:
            raise SettingsRefused(
                "Several workers died of the same bucket: give them more memory, or export more and smaller buckets."
            ) from error
        yield result


@contextmanager
def connected(scheduler: str, seconds: float = CONNECT_SECONDS) -> Iterator[Any]:
    """Hold a connection to a scheduler that has a worker.

    Args:
        scheduler: its address.
        seconds: how long it may take to answer.

    Raises:
        SettingsRefused: Dask is not installed, or no scheduler or worker answers.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise SettingsRefused(
            "FORETELL_DASK_SCHEDULER is set, but Dask is not installed: pip install 'foretell[scale]', or unset it."
        ) from error
    try:
        client = Client(scheduler, timeout=seconds, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise SettingsRefused(f"FORETELL_DASK_SCHEDULER: no Dask scheduler answers at {scheduler}.") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=WORKERS_SECONDS)
        except TimeoutError as error:
            raise SettingsRefused(f"The Dask scheduler at {scheduler} has no worker; start one.") from error
        yield client
