import subprocess
import sys

from shared.serving.lean import block_training_libraries


def test_libraries_of_training_look_absent_and_loaded_ones_stay() -> None:
    modules = {"dask": sys}

    block_training_libraries(modules)

    assert modules["dask"] is sys
    assert modules["pandas"] is modules["sklearn"] is modules["pyarrow"] is modules["mlflow"] is None


def test_lightgbm_loads_without_them() -> None:
    script = (
        "from shared.serving.lean import block_training_libraries as block; block(); import lightgbm, sys;"
        "sys.exit(any(sys.modules.get(name) for name in ('pandas', 'sklearn', 'pyarrow', 'dask')))"
    )

    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0
