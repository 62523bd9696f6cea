"""Challenger against champion on frames newer than what the champion learned from."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.contracts.defaults import CHAMPION_MOST_DAYS
from shared.contracts.rows import Microseconds
from shared.errors import ArtifactRefused, RegistryUnavailable
from shared.evaluation.gate import Verdict, judged
from shared.evaluation.metrics import losses
from shared.registry.fetch import artifacts
from shared.settings import Settings
from shared.store import VersionRow
from shared.training.publish import is_old

Vector = NDArray[np.float64]
NO_NEWER_FRAMES = "flat data has no newer frames to compare on; promote by hand when it looks right"


@dataclass(frozen=True, slots=True)
class Newer:
    """Frames that neither side learned from; the challenger's probabilities are out of fold."""

    labels: Vector
    challenger: Vector
    constant: Vector
    owner: NDArray[np.int32]


def compared(
    settings: Settings,
    account: str,
    row: VersionRow,
    newer: Newer,
    champion_on: Callable[[Path], Vector],
    *,
    now: Microseconds,
) -> Verdict:
    """Judge a challenger and the champion on the same newer frames.

    Args:
        settings: tell where the registry is.
        account: whose champion.
        row: the champion in the catalogue.
        newer: the frames, with the challenger's probabilities.
        champion_on: from the champion's artifact folder to its probabilities of the same frames.
        now: to tell the champion's age.
    """
    try:
        with tempfile.TemporaryDirectory() as scratch:
            folder = artifacts(
                settings,
                account,
                row.capability,
                row.outcome,
                version=row.version,
                digest=row.digest,
                into=Path(scratch),
            )
            champion_loss = losses(newer.labels, champion_on(folder))
    except ArtifactRefused:
        return Verdict(True, True, f"the champion, version {row.version}, cannot be loaded any more")
    except RegistryUnavailable:
        return Verdict(
            False,
            False,
            f"the registry did not give the champion, version {row.version}, to compare with; train again later, or "
            "promote by hand",
        )
    return judged(
        losses(newer.labels, newer.challenger),
        champion_loss,
        losses(newer.labels, newer.constant),
        newer.owner,
        champion_is_old=is_old(row, now=now, most_days=CHAMPION_MOST_DAYS),
    )
