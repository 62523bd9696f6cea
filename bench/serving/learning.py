"""How long a training takes beside LightGBM's own fit on the same matrix."""

import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from bench.serving.account import EVENTS, fill, outcome
from bench.serving.arithmetic import Void
from foretell.cli.context import ensure_account
from services.scoring.training import fitted
from shared.contracts.rows import now_us
from shared.learners.trees import TreeShape, grow
from shared.settings import Settings
from shared.store import migrate, open_database
from shared.training.material import Material, framed, scanned
from shared.training.problem import Problem

ACCOUNT = "learner"
CONTACTS = 200
BOOTSTRAPS = ("of_means", "of_figures")
"""Functions of shared/evaluation/metrics.py that resample."""
RUNS = 2
LOOK_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Training:
    """One training, seconds."""

    whole: float
    """From frames to a judged model: features, candidates, report; bootstraps left out."""
    bootstraps: float
    lightgbm: float
    """Within LightGBM, over all fits of the competition."""
    own_fit: float
    """LightGBM alone on the same matrix: one fit, stopped early on the last block."""
    rows: int
    columns: int


def material(folder: Path) -> Material:
    """Make an account and frame its outcome."""
    settings = Settings(home=folder)
    folder.mkdir(parents=True, exist_ok=True)
    migrate(settings)
    database = open_database(settings)
    ensure_account(database, ACCOUNT)
    store = database.of(ACCOUNT)
    fill(store, [f"c-{number:06}" for number in range(CONTACTS)], EVENTS, seed=4)
    found = framed(outcome(), scanned(store), now=now_us())
    database.close()
    return found


class Shares:
    """What the calling thread, or one that works for it, is at while something runs: looked at every few ms."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self._thread, self._over = threading.get_ident(), threading.Event()
        self._looking = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Shares":
        self._looking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._looking.join()

    def of(self, kind: str) -> float:
        """Return the share of the time that was of a kind."""
        return self.seen[kind] / max(1, self.seen.total())

    def _look(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            frames = sys._current_frames()
            kind = kind_of(frames.pop(self._thread, None))
            # While others grow trees for it, it waits.
            waits = kind == "other" and any(kind_of(frame) == "lightgbm" for frame in frames.values())
            self.seen["lightgbm" if waits else kind] += 1


def kind_of(frame: FrameType | None) -> str:
    """Return what a thread is at: bootstraps, lightgbm or other."""
    kind = "other"
    while frame is not None:
        file, name = frame.f_code.co_filename, frame.f_code.co_name
        if file.endswith("evaluation/metrics.py") and name in BOOTSTRAPS:
            return "bootstraps"
        if "/lightgbm/" in file:
            kind = "lightgbm"
        frame = frame.f_back
    return kind


def measured(stuff: Material) -> list[Training]:
    """Time trainings and LightGBM's own fits in turns.

    Raises:
        Void: what resamples, or LightGBM, has another name now.
    """
    runs = []
    for _ in range(RUNS):
        with Shares() as shares:
            began = time.perf_counter()
            found = fitted(stuff, now=now_us())
            whole = time.perf_counter() - began
        if not shares.seen["bootstraps"] or not shares.seen["lightgbm"]:
            raise Void("no bootstrap or no LightGBM was seen at work: were they renamed?")
        apart, inside = (shares.of(kind) * whole for kind in ("bootstraps", "lightgbm"))
        alone = own_fit(found.problem)
        runs.append(Training(whole - apart, apart, inside, alone, *found.problem.matrix.shape))
    return runs


def own_fit(problem: Problem) -> float:
    """Return how long LightGBM takes alone: one fit of the usual trees, stopped early on the last block."""
    split = problem.splits[-1]
    began = time.perf_counter()
    grow(
        problem.matrix[split.train],
        problem.labels[split.train],
        problem.columns,
        shape=TreeShape(),
        seed=1,
        judge=(problem.matrix[split.test], problem.labels[split.test]),
    )
    return time.perf_counter() - began
