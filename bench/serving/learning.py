"""How long a training takes beside LightGBM's own fit on the same matrix."""

import cProfile
import pstats
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.serving.account import EVENTS, fill, outcome
from bench.serving.arithmetic import Void
from foretell.cli.context import ensure_account, now_us
from services.scoring.training import fitted
from shared.learners.trees import TreeShape, grow
from shared.settings import Settings
from shared.store import migrate, open_database
from shared.training.material import Material, framed, scanned

ACCOUNT = "learner"
CONTACTS = 200
BOOTSTRAPS = ("of_mean", "of_figures")
"""Functions of shared/evaluation/metrics.py that resample."""
RUNS = 2


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


def measured(stuff: Material) -> list[Training]:
    """Time trainings and LightGBM's own fits in turns.

    Raises:
        Void: what resamples has another name now.
    """
    profile = cProfile.Profile()
    found = profile.runcall(fitted, stuff, now=now_us())
    shares = _shares(profile)
    problem, split = found.problem, found.problem.splits[-1]
    shape = TreeShape()

    def own() -> object:
        return grow(
            problem.matrix[split.train],
            problem.labels[split.train],
            problem.columns,
            shape=shape,
            seed=1,
            judge=(problem.matrix[split.test], problem.labels[split.test]),
        )

    runs = []
    for _ in range(RUNS):
        whole, alone = seconds_of(lambda: fitted(stuff, now=now_us())), seconds_of(own)
        resampled, inside = (share * whole for share in shares)
        runs.append(Training(whole - resampled, resampled, inside, alone, *problem.matrix.shape))
    return runs


def _shares(profile: cProfile.Profile) -> tuple[float, float]:
    """Return the shares of a profile that are bootstraps, and that are LightGBM's."""
    stats = pstats.Stats(profile)
    entries = stats.stats.items()  # type: ignore[attr-defined]
    total = max(cumulative for _, (_, _, _, cumulative, _) in entries)
    resampled = sum(
        cumulative
        for (file, _, name), (_, _, _, cumulative, _) in entries
        if file.endswith("evaluation/metrics.py") and name in BOOTSTRAPS
    )
    inside = sum(
        cumulative
        for (file, _, name), (_, _, _, cumulative, _) in entries
        if (file.endswith("lightgbm/engine.py") and name == "train")
    )
    if not resampled or not inside:
        raise Void("the profile shows no bootstrap, or no LightGBM: were they renamed?")
    return resampled / total, inside / total


def seconds_of(act: Callable[[], object]) -> float:
    """Return how long a call takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began
