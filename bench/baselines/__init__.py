"""Textbook models to compare with, in an environment of their own: BG/NBD, Kaplan-Meier, Cox; a second Brier score.

Their packages need other versions than ours do, so they run in a child process: `ask` makes its environment on first
use (.venv/baselines, from requirements.lock, about half a minute), and hands arrays over as files. `program` says which
verb takes and answers which arrays. `python -m bench.baselines` checks them against simulations.

    chance = ask("bgnbd", frequency=x, recency=last, age=age, test_frequency=x, test_recency=last, test_age=age,
                 horizon=90.0)["no_order"]
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

HERE = Path(__file__).parent
LOCK = HERE / "requirements.lock"
ENVIRONMENT = HERE.parents[1] / ".venv" / "baselines"


class BaselineFailed(RuntimeError):
    """A textbook model gave no answer; the message says why."""


def ask(verb: str, **arrays: ArrayLike) -> dict[str, NDArray[np.float64]]:
    """Have a textbook model answer.

    Args:
        verb: `bgnbd`, `bgnbd_value`, `kaplan_meier`, `cox` or `brier`.
        arrays: what `program` lists under that verb; numbers without NaN.

    Returns:
        The arrays that `program` lists under that verb; a single number has shape ().

    Raises:
        BaselineFailed: the environment cannot be made, or the model refuses.
    """
    given = {name: np.asarray(values, dtype=np.float64) for name, values in arrays.items()}
    unfit = [name for name, values in given.items() if not np.isfinite(values).all()]
    if unfit:
        raise BaselineFailed(f"the baseline {verb} was handed numbers that are not finite: {', '.join(unfit)}")
    python = _python()
    with tempfile.TemporaryDirectory() as folder:
        request, answer = Path(folder, "request.npz"), Path(folder, "answer.npz")
        np.savez(request, **given)
        # Isolated: neither this folder nor PYTHONPATH, which would bring our packages in.
        ran = subprocess.run(
            [python, "-I", HERE / "program.py", verb, request, answer], capture_output=True, text=True, check=False
        )
        if ran.returncode:
            print(ran.stderr, file=sys.stderr)
            said = ran.stderr.strip().splitlines() or [f"exit code {ran.returncode}"]
            raise BaselineFailed(f"the baseline {verb} gave no answer: {said[-1]}")
        with np.load(answer) as answered:
            return dict(answered)


def _python() -> Path:
    """Return the interpreter of the environment; make it when it is missing or of another lock file."""
    python, installed = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "installed.lock"
    if python.exists() and installed.exists() and installed.read_bytes() == LOCK.read_bytes():
        return python
    print(f"  making {ENVIRONMENT} for the textbook models (about half a minute)", file=sys.stderr, flush=True)
    _step([sys.executable, "-m", "venv", "--clear", ENVIRONMENT])
    exactly = ["--no-deps", "--no-compile", "--only-binary", ":all:", "--require-hashes"]
    _step([python, "-m", "pip", "install", "--no-input", "--disable-pip-version-check", *exactly, "-r", LOCK])
    # Last: an environment that was broken off is made anew.
    shutil.copyfile(LOCK, installed)
    return python


def _step(command: list[str | Path]) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        said = (ran.stderr or ran.stdout).strip()
        raise BaselineFailed(f"the environment of the textbook models could not be made:\n{said}")
