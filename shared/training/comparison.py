"""A challenger against the champion: both on the frames that are newer than what the champion learned from."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.contracts.defaults import CHAMPION_MOST_DAYS
from shared.contracts.rows import DAY, Microseconds
from shared.errors import ArtifactRefused, RegistryUnavailable
from shared.evaluation.gate import GateDecision, judged
from shared.evaluation.metrics import losses
from shared.registry.fetch import artifacts
from shared.registry.registration import MlflowRegistry
from shared.store import VersionRow

Vector = NDArray[np.float64]
NO_NEWER_FRAMES = "flat data has no newer frames to compare on; promote by hand when it looks right"


def is_old(row: VersionRow, *, now: Microseconds, most_days: int) -> bool:
    """Whether a version is past its maximum age."""
    return now - row.trained_at > most_days * DAY


@dataclass(frozen=True, slots=True)
class Newer:
    """Frames that neither side learned from; the challenger's answers are out of fold."""

    labels: Vector
    challenger: Vector
    constant: Vector
    owner: NDArray[np.int32]


def compared(
    registry: MlflowRegistry,
    account: str,
    row: VersionRow,
    newer: Newer,
    champion_on: Callable[[Path], Vector],
    *,
    now: Microseconds,
    loss: Callable[[Vector, Vector], Vector] = losses,
) -> GateDecision:
    """Judge a challenger and the champion on the same newer frames.

    Args:
        registry: where the champion is.
        account: whose champion.
        row: the champion in the catalogue.
        newer: the frames, with the challenger's answers.
        champion_on: from the champion's artifact folder to its answers about the same frames.
        now: to know the champion's age.
        loss: of each frame, from labels and answers.
    """
    try:
        with tempfile.TemporaryDirectory() as scratch:
            folder = artifacts(
                registry,
                account,
                row.capability,
                row.outcome,
                version=row.version,
                digest=row.digest,
                into=Path(scratch),
            )
            champion_loss = loss(newer.labels, champion_on(folder))
    except ArtifactRefused:
        return GateDecision(True, True, f"the champion, version {row.version}, cannot be loaded any more")
    except RegistryUnavailable:
        return GateDecision(
            False,
            False,
            f"the registry did not give the champion, version {row.version}, to compare with; train again later, or "
            "promote by hand",
        )
    return judged(
        loss(newer.labels, newer.challenger),
        champion_loss,
        loss(newer.labels, newer.constant),
        newer.owner,
        champion_is_old=is_old(row, now=now, most_days=CHAMPION_MOST_DAYS),
    )
