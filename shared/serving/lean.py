"""Keep a serving process small and steady: no libraries of training, few memory arenas, rare collections.

`import lightgbm` imports pandas, scikit-learn, pyarrow and dask wherever they are installed, uses none of them to
predict, and takes 190 MB and 1.2 s instead of 56 MB and 0.24 s. A name that is None in `sys.modules` is
"not installed" to every import after it.
"""

import ctypes
import gc
import sys
from collections.abc import MutableMapping
from types import ModuleType
from typing import Any

BLOCKED = ("pandas", "sklearn", "pyarrow", "dask", "matplotlib", "mlflow")
SPARSE_TYPES = ("spmatrix", "csr_matrix", "csc_matrix")
"""All that LightGBM asks of SciPy where nobody brings a sparse matrix."""
ARENAS = 2
COLLECT_AFTER = (50_000, 20, 20)
"""A call about 1,000 contacts makes some 100,000 tuples at once, none of them garbage that only a collector finds."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_TRIM_BYTES, _MMAP_BYTES = 1 << 20, 1 << 18


def block_training_libraries(modules: MutableMapping[str, Any] = sys.modules) -> None:
    """Make the libraries of training look absent in this process; those already imported stay.

    SciPy is there by name only: LightGBM cannot be imported without it, and compares types with three of its own.
    """
    for name in BLOCKED:
        modules.setdefault(name, None)
    if "scipy" not in modules:
        scipy, sparse = ModuleType("scipy"), ModuleType("scipy.sparse")
        for name in SPARSE_TYPES:
            setattr(sparse, name, type(name, (), {"__doc__": "Stands for SciPy's; nothing is ever one."}))
        scipy.sparse = sparse  # type: ignore[attr-defined]
        modules["scipy"], modules["scipy.sparse"] = scipy, sparse


def keep_memory_small() -> None:
    """Give freed memory back to the system: threads share two arenas of glibc; elsewhere nothing changes."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, value in (
            (_M_ARENA_MAX, ARENAS),
            (_M_TRIM_THRESHOLD, _TRIM_BYTES),
            (_M_MMAP_THRESHOLD, _MMAP_BYTES),
        ):
            mallopt(option, value)


def collect_rarely() -> None:
    """Let the garbage collector pass over what is loaded by now, and run seldom.

    With Python's own thresholds it took a quarter of the time of a call about 1,000 contacts.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
