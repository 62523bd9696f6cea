"""Work off the event loop, in three lanes: small calls never wait behind a large one, nor behind one that writes."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

SMALL_CONTACTS = 20
"""Calls of at most so many contacts take the small lane."""
LARGE_THREADS = 2
WRITING_THREADS = 4

Result = TypeVar("Result")


class Lanes:
    """Threads for small calls, for large ones, and for those that wait until what they write is in the store."""

    def __init__(self, small_threads: int) -> None:
        """Start no thread before there is work.

        Args:
            small_threads: computing is bound to one interpreter lock, so that more threads only fight over it; a
                few pay when each call waits for a store across the network.
        """
        self._small = ThreadPoolExecutor(small_threads, thread_name_prefix="small")
        self._large = ThreadPoolExecutor(LARGE_THREADS, thread_name_prefix="large")
        self._writing = ThreadPoolExecutor(WRITING_THREADS, thread_name_prefix="writing")

    async def run(self, work: Callable[..., Result], *arguments: Any, contacts: int, writes: bool = False) -> Result:
        """Do the work in the lane of a call of so many contacts, or of one that writes."""
        lane = self._small if contacts <= SMALL_CONTACTS else self._large
        lane = self._writing if writes else lane
        here = copy_context()  # the deadline goes along
        return await asyncio.get_running_loop().run_in_executor(lane, lambda: here.run(work, *arguments))

    def close(self) -> None:
        """Wait until all begun work is done."""
        self._small.shutdown(wait=True)
        self._large.shutdown(wait=True)
        self._writing.shutdown(wait=True)
