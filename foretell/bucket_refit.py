"""The trees that won a competition, grown once more on all frames of an export, where the workers made these."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from foretell.bucket_training import TrainingExport, read_part
from shared.batches.bucket_map import connected
from shared.features import matrix
from shared.learners.distributed_trees import fit_on_workers
from shared.learners.simple import Columns, Matrix, Vector
from shared.timeline.coded_pasts import from_columns
from shared.timeline.pasts import closed_frames
from shared.training.refit import RefitRequest, RefittedOnAll


@dataclass(frozen=True, slots=True)
class BucketRefit:
    """When and where trees are grown on all frames."""

    scheduler: str
    export: TrainingExport
    """With the share of contacts that the competition saw."""
    gathered_frames: int
    """Of so many frames or fewer the competition's own fit is enough."""

    def __call__(self, wanted: RefitRequest) -> RefittedOnAll | None:
        """Grow the trees on all frames; None: there are few.

        Raises:
            SettingsRefused: no scheduler or worker answers.
            FileRefused: a bucket cannot be read.
        """
        if wanted.frames / self.export.share <= self.gathered_frames:
            return None
        export = TrainingExport(self.export.folder, self.export.manifest, 1.0)
        with connected(self.scheduler) as client:
            buckets = range(export.manifest.buckets)
            parts = client.map(partial(frames_of_bucket, export, wanted), buckets, pure=False)
            counts = client.gather(client.map(_count, parts, pure=False))
            filled = [part for part, count in zip(parts, counts, strict=True) if count]
            columns = Columns(wanted.feature_set.names, wanted.feature_set.categorical)
            shape, rounds, seed = wanted.shape, wanted.rounds, wanted.seed
            trees = fit_on_workers(client, filled, columns, shape=shape, rounds=rounds, seed=seed)
            return RefittedOnAll(trees, sum(counts))


def frames_of_bucket(export: TrainingExport, wanted: RefitRequest, bucket: int) -> tuple[Matrix, Vector]:
    """Compute matrix and labels of the closed frames of a bucket.

    Raises:
        FileRefused: the bucket cannot be read.
    """
    pasts = from_columns(*read_part(export, bucket))
    frames = closed_frames(wanted.outcome, pasts, until=wanted.until)
    frames = frames.take(frames.cutoff >= wanted.since)
    if not len(frames):
        return np.empty((0, len(wanted.feature_set))), np.empty(0)
    values = matrix(wanted.feature_set, pasts, frames.contact, frames.cutoff)
    return wanted.inputs.filled(values), frames.label


def _count(part: tuple[Matrix, Vector]) -> int:
    return len(part[1])
