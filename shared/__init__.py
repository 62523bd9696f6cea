"""What at least two processes need; each package says "the only place that ..."."""

import atexit
import gc
import os

COLLECT_AFTER = (50_000, 20, 20)
"""Python's own thresholds are made for small programs: a fifth of the time of a start went into looking for cycles, and
a quarter of that of a call about 1,000 contacts, which makes some 100,000 tuples at once."""
gc.set_threshold(*COLLECT_AFTER)
# At its end a process would look once more through all that it has loaded: a quarter of the time of a short command.
atexit.register(gc.freeze)
# Read once, by libraries that load with numpy and LightGBM; whoever runs a process may set them otherwise.
# A second thread of OpenBLAS wins nothing on matrices as narrow as ours, and waits for the first one at full speed: a
# training on a machine that also answers requests took three times the processor time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Threads of LightGBM that wait must not spin either: they share cores with servers.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
