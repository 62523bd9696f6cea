"""Check a LightGBM text model that was trained elsewhere: `python -m shared.learners.model_text N` in its own process.

LightGBM is C++ that trusts its text: a damaged one may take the process down. So the header is read first, in plain
Python, and the rest by a child that may crash, within bounds of time and memory. Nothing of a text is ever executed.
"""

import math
import re
import resource
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

import numpy as np

from shared.environment import block_training_libraries, granting
from shared.errors import FileRefused

MOST_BYTES: Final = 16_000_000
MOST_TREES: Final = 3_000
CHECK_SECONDS: Final = 60
CHECK_MEMORY_BYTES: Final = 4_000_000_000
MOST_NAMED: Final = 3
_HEADER = re.compile(r"^([a-z_]+)=(.*)$", re.MULTILINE)
_CATEGORIES = re.compile(r"^pandas_categorical:(.*)$", re.MULTILINE)


def checked_text(content: bytes, names: Sequence[str], environment: dict[str, str]) -> str:
    """Return the text of a model that fits the columns.

    Args:
        content: of the file.
        names: of the columns that it must have been trained on, in order.
        environment: of this process; the child gets no secret of it.

    Raises:
        FileRefused: it is no text model of LightGBM, of other columns or another objective, or cannot be read.
    """
    text = _decoded(content)
    _require_fitting(text, names)
    _require_readable(text, len(names), environment)
    return text


def _decoded(content: bytes) -> str:
    if len(content) > MOST_BYTES:
        raise FileRefused(f"The model has {len(content):,} bytes; {MOST_BYTES:,} are the most. Train fewer trees.")
    if not content.startswith(b"tree\n"):
        raise FileRefused(
            "This is no text model of LightGBM: write one with `booster.save_model('model.txt')`. Pickles and other "
            "formats are never read."
        )
    try:
        text = content.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise FileRefused("The model is no text in UTF-8.") from error
    if "\nend of trees\n" not in text:
        raise FileRefused("The model is cut off: its trees do not end.")
    return text


def _require_fitting(text: str, names: Sequence[str]) -> None:
    """Check what the header says, before LightGBM sees anything."""
    head = text.partition("\nTree=")[0]
    header = dict(_HEADER.findall(head))
    objective = header.get("objective", "none")
    if objective.split() != ["binary", "sigmoid:1"]:
        raise FileRefused(f"The objective is '{objective[:40]}'; only `binary` (with sigmoid 1) can be adopted.")
    if header.get("num_class") != "1" or header.get("num_tree_per_iteration") != "1":
        raise FileRefused("The model has several classes; only a binary one can be adopted.")
    if "average_output" in head.split("\n"):
        raise FileRefused("The model is a random forest, whose trees are averaged; train with boosting=gbdt.")
    if "\nis_linear=1" in text:
        raise FileRefused("The model has linear trees, whose reasons cannot be shared out; train without linear_tree.")
    if text.count("\nTree=") > MOST_TREES:
        raise FileRefused(f"The model has more than {MOST_TREES:,} trees: it would be slow to answer.")
    _require_names(header.get("feature_names", "").split(), names)
    categories = _CATEGORIES.findall(text)
    if any(found.strip() not in ("", "null", "[]") for found in categories):
        raise FileRefused(
            "The model was trained on pandas categories, whose codes are pandas' own: train on the codes as exported, "
            "and name those columns with categorical_feature."
        )


def _require_names(found: Sequence[str], names: Sequence[str]) -> None:
    if list(found) == list(names):
        return
    if len(found) != len(names):
        raise FileRefused(f"The model has {len(found)} columns; the manifest has {len(names)}.")
    if sorted(found) == sorted(names):
        raise FileRefused("The model has the manifest's columns in another order: train on them in its order.")
    other = [name for name in found if name not in set(names)]
    raise FileRefused(
        f"The model names other columns than the manifest ({', '.join(other[:MOST_NAMED])}): "
        "train on the columns by their names."
    )


def _require_readable(text: str, width: int, environment: dict[str, str]) -> None:
    """Have a child read the text and answer with it.

    Raises:
        FileRefused: the child failed, took too long or crashed.
    """
    try:
        child = subprocess.run(  # noqa: S603 - this program's own module; the text goes to its standard input
            [sys.executable, "-m", "shared.learners.model_text", str(width)],
            input=text.encode(),
            env=granting(environment, ()),
            capture_output=True,
            timeout=CHECK_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise FileRefused(f"LightGBM did not read the model within {CHECK_SECONDS} s.") from error
    if child.returncode != 0:
        raise FileRefused("LightGBM cannot read the model: its text is damaged.")


def main(width: int, content: bytes) -> int:
    """Read a text with LightGBM, answer rows with it, and return 0 where all answers are numbers."""
    resource.setrlimit(resource.RLIMIT_AS, (CHECK_MEMORY_BYTES, CHECK_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    block_training_libraries()  # LightGBM would load scikit-learn and pandas, for more than a second
    import lightgbm

    booster = lightgbm.Booster(model_str=content.decode())
    rows = np.vstack([np.full((1, width), np.nan), np.random.default_rng(0).normal(size=(20, width)) * 10])
    margins = booster.predict(rows, raw_score=True, num_threads=1)
    shares = booster.predict(rows, pred_contrib=True, num_threads=1)
    whole = booster.num_feature() == width and bool(np.isfinite(margins).all())
    sums = whole and shares.shape == (len(rows), width + 1) and np.allclose(shares.sum(axis=1), margins)
    return 0 if sums and booster.num_trees() > 0 and math.isfinite(float(margins[0])) else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.stdin.buffer.read()))
