"""What the processes of one machine share: loaded once, before they are forked from the one that imports this.

Nothing here may start a thread or open a file: neither survives a fork. What belongs to one capability alone is left
to its own process.
"""

import gc
import importlib
import os
import signal

from shared.environment import block_training_libraries

LOADED = (
    "numpy",
    "lightgbm",
    "shared.serving.service",
    "gateway.app",
    "foretell.worker",
    "foretell.child",
)

# A service manager sends its signal to all processes. It must not end this one, which says of the others when they
# ended: they would be taken for dead, and killed while they finish. It ends with its parent.
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
# OpenBLAS would start threads when it is loaded, and answers are computed with one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
block_training_libraries()
for _name in LOADED:
    importlib.import_module(_name)
# Shared pages stay shared: the collector does not write into what it passes over.
gc.collect()
gc.freeze()
