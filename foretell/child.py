"""Run a module as a child that never outlives its parent: `python -m foretell.child FD MODULE [ARGUMENTS]`.

FD is the reading end of a pipe whose writing end only the parent holds. However the parent ends, kill -9
included, the pipe closes, and this process group gets a signal to stop, then one that makes it.
"""

import os
import runpy
import signal
import sys
import threading
import time

GRACE_SECONDS = 10.0


def end_with_parent(descriptor: int, *, grace_seconds: float = GRACE_SECONDS) -> None:
    """Wait until the pipe closes, then end the whole process group."""
    while os.read(descriptor, 1):
        pass
    os.killpg(os.getpgrp(), signal.SIGTERM)
    time.sleep(grace_seconds)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def main() -> None:
    """Watch the pipe from a thread, and become the module."""
    descriptor, module = int(sys.argv[1]), sys.argv[2]
    os.set_inheritable(descriptor, False)
    threading.Thread(target=end_with_parent, args=(descriptor,), daemon=True, name="parent-watch").start()
    sys.argv = [module, *sys.argv[3:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
