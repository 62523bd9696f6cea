"""A clock that a test moves, for every Python process that has this folder on its path.

The time is the machine's plus so many seconds as the first 8 bytes of the file in MOVED_CLOCK say. All processes
look at the same memory, forked ones too, so that they move together. Only wall-clock time moves: timeouts and pauses
go by the monotonic clock.
"""

import ctypes
import datetime
import gc
import mmap
import os
import struct
import time
from typing import Any

_real_time, _real_time_ns = time.time, time.time_ns


def _moved(path: str) -> None:
    with open(path, "rb") as file:  # noqa: PTH123 - every import costs each process
        shared = mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ)

    def seconds() -> float:
        ahead: float = struct.unpack_from("d", shared)[0]
        return _real_time() + ahead

    def now(cls: Any, tz: Any = None) -> Any:
        return cls.fromtimestamp(seconds(), tz)

    time.time = seconds
    time.time_ns = lambda: round(seconds() * 1e9)
    # The class is C's own and must stay itself: libraries check for it. So its method is exchanged in place.
    (attributes,) = (one for one in gc.get_referents(datetime.datetime.__dict__) if isinstance(one, dict))
    attributes["now"] = classmethod(now)
    attributes["utcnow"] = classmethod(lambda cls: cls.fromtimestamp(seconds(), datetime.UTC).replace(tzinfo=None))
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(datetime.datetime))


if "MOVED_CLOCK" in os.environ:
    _moved(os.environ["MOVED_CLOCK"])
