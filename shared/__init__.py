"""What at least two processes need; each package says "the only place that ..."."""

import os

# Read once, by libraries that load with numpy and LightGBM; whoever runs a process may set them otherwise.
# A second thread of OpenBLAS wins nothing on matrices as narrow as ours, and waits for the first one at full speed: a
# training on a machine that also answers requests took three times the processor time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Threads of LightGBM that wait must not spin either: they share cores with servers.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
