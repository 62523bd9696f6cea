import subprocess
import sys
from types import ModuleType

from shared.environment import block_training_libraries, unblock_training_libraries


def test_libraries_of_training_look_absent_and_loaded_ones_stay() -> None:
    modules: dict[str, ModuleType | None] = {"dask": sys}

    block_training_libraries(modules)

    assert modules["dask"] is sys
    assert modules["pandas"] is modules["sklearn"] is modules["pyarrow"] is modules["mlflow"] is None


def test_a_process_that_needs_them_can_have_them_back() -> None:
    modules: dict[str, ModuleType | None] = {"dask": sys}
    block_training_libraries(modules)

    unblock_training_libraries(modules)

    assert modules == {"dask": sys}


def test_lightgbm_loads_without_them() -> None:
    script = (
        "from shared.environment import block_training_libraries as block; block(); import lightgbm, sys;"
        "sys.exit(any(sys.modules.get(name) for name in ('pandas', 'sklearn', 'pyarrow', 'dask')))"
    )

    assert subprocess.run([sys.executable, "-c", script], timeout=180).returncode == 0


def test_scipy_is_there_by_name_only_and_lightgbm_predicts_the_same() -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "if sys.argv[1] == 'lean':\n"
        "    from shared.environment import block_training_libraries; block_training_libraries()\n"
        "import numpy as np, lightgbm\n"
        "booster = lightgbm.Booster(model_file='tests/contract/golden/scoring/lightgbm/model.txt')\n"
        "values = np.arange(3.0 * booster.num_feature()).reshape(3, -1)\n"
        "print(booster.predict(values, raw_score=True).tolist(), booster.predict(values, pred_contrib=True).tolist())\n"
        "print(sum(name.startswith('scipy.') for name in sys.modules) < 2, file=sys.stderr)"
    )

    lean, whole = (
        subprocess.run([sys.executable, "-c", script, how], timeout=180, capture_output=True, text=True, check=True)
        for how in ("lean", "whole")
    )

    assert lean.stdout == whole.stdout
    assert lean.stderr == "True\n"


def test_a_process_with_rare_collections_frees_cycles_all_the_same() -> None:
    script = (
        "import gc, weakref; from shared.http.process import freeze_loaded, keep_memory_small\n"
        "keep_memory_small(); freeze_loaded()\n"
        "class Node: pass\n"
        "one = Node(); one.me = one; seen = weakref.ref(one); del one\n"
        "kept = [[] for _ in range(60_000)]\n"
        "raise SystemExit(seen() is not None)"
    )

    assert subprocess.run([sys.executable, "-c", script], timeout=180).returncode == 0
