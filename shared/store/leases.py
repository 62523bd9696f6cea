"""Hold the lease of a row while work goes on, however long a single step takes."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from shared.contracts.rows import SECOND, Microseconds
from shared.errors import NotFound, StoreUnavailable

BEATS_A_LEASE = 5
"""How often a lease is renewed within its length."""


@contextmanager
def renewed(renew: Callable[[Microseconds], object], seconds: float, now: Callable[[], Microseconds]) -> Iterator[None]:
    """Renew a lease again and again while the block runs.

    Args:
        renew: holds it until an instant.
        seconds: length of the lease.
        now: the time.
    """
    over = threading.Event()

    def beat() -> None:
        while not over.wait(seconds / BEATS_A_LEASE):
            # The next one comes while the lease still holds; whose account was deleted is told so by its next step.
            with suppress(StoreUnavailable, NotFound):
                renew(now() + int(seconds * SECOND))

    thread = threading.Thread(target=beat, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
