import json
import subprocess
import sys
from types import ModuleType

import lightgbm
import numpy as np
import scipy.sparse

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


LEAN = """
from shared.environment import block_training_libraries; block_training_libraries()
import json, sys
import numpy as np, lightgbm
booster = lightgbm.Booster(model_file=sys.argv[1])
values = np.arange(3.0 * booster.num_feature()).reshape(3, -1)
answers = [booster.predict(values, raw_score=True).tolist(), booster.predict(values, pred_contrib=True).tolist()]
loaded = [name for name in ("pandas", "sklearn", "pyarrow", "dask") if sys.modules.get(name)]
print(json.dumps([loaded, sum(name.startswith("scipy.") for name in sys.modules), *answers]))
"""


def test_lightgbm_loads_without_them_and_predicts_the_same() -> None:
    model = "tests/contract/golden/scoring/lightgbm/model.txt"
    done = subprocess.run([sys.executable, "-c", LEAN, model], timeout=180, capture_output=True, text=True, check=True)

    loaded, of_scipy, *answers = json.loads(done.stdout)

    whole = lightgbm.Booster(model_file=model)
    values = np.arange(3.0 * whole.num_feature()).reshape(3, -1)
    assert isinstance(scipy.sparse.csr_matrix, type), "this process has the whole library"
    assert loaded == []
    assert of_scipy < 2, "it is there by name only"
    assert answers == [
        whole.predict(values, raw_score=True).tolist(),
        whole.predict(values, pred_contrib=True).tolist(),
    ]


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
