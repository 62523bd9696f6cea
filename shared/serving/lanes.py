"""Work off the event loop, in two lanes: small calls never wait behind a large one."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

SMALL_CONTACTS = 20
"""Calls of at most so many contacts take the small lane."""
LARGE_THREADS = 2

Result = TypeVar("Result")


class Lanes:
    """Threads for small and for large calls."""

    def __init__(self, small_threads: int) -> None:
        """Start no thread before there is work.

        Args:
            small_threads: computing is bound to one interpreter lock, so that more threads only fight over it; a
                few pay when each call waits for a store across the network.
        """
        self._small = ThreadPoolExecutor(small_threads, thread_name_prefix="small")
        self._large = ThreadPoolExecutor(LARGE_THREADS, thread_name_prefix="large")

    async def run(self, work: Callable[..., Result], *arguments: Any, contacts: int) -> Result:
        """Do the work in the lane of a call of so many contacts."""
        lane = self._small if contacts <= SMALL_CONTACTS else self._large
        here = copy_context()  # the deadline goes along
        return await asyncio.get_running_loop().run_in_executor(lane, lambda: here.run(work, *arguments))

    def close(self) -> None:
        """Wait until all begun work is done."""
        self._small.shutdown(wait=True)
        self._large.shutdown(wait=True)
