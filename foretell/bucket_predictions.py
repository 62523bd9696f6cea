"""Predictions about the contacts of an export, one task a bucket, on this machine or on many.

A task is plain data: folders that every worker sees, and which version at which cutoff. Workers need neither the store
nor the registry. What they run is what a single machine runs.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from services.specs import spec_of
from shared.batches.bucket_map import mapped
from shared.batches.bucket_reader import read_bucket
from shared.batches.buckets import BucketManifest
from shared.batches.bulk_rows import write_answers
from shared.batches.files import replacing
from shared.batches.formats import format_of
from shared.contracts.holdout import Holdout
from shared.contracts.rows import Microseconds, instant_of
from shared.errors import FileRefused
from shared.serving.batch import PinnedModel
from shared.serving.champions import Champion

ARTIFACT = "artifact"


@dataclass(frozen=True, slots=True)
class BucketPredictions:
    """What is to be predicted from an export, in words that another machine understands."""

    export: Path
    """Folder of the export; with several machines each sees it under this path."""
    manifest: BucketManifest
    folder: Path
    """Where parts are written, and the artifact lies; the same holds."""
    model: Mapping[str, str]
    """Capability, outcome, version and digest."""
    cutoff: Microseconds
    asked_at: Microseconds
    reasons: int
    format: Any
    """Of the result."""
    holdouts: tuple[Holdout, ...] = ()
    """Who gets no answer."""

    def part(self, bucket: int) -> Path:
        """Where the answers about a bucket lie."""
        return self.folder / f"part-{bucket:05}"

    def pinned(self) -> PinnedModel:
        """Load the version, once a process."""
        named = tuple(sorted(self.model.items()))
        pinned = _pinned(self.folder / ARTIFACT, named, self.cutoff, self.asked_at, self.reasons)
        return replace(pinned, holdouts=self.holdouts)


@lru_cache(maxsize=2)
def _pinned(
    artifact: Path, model: tuple[tuple[str, str], ...], cutoff: Microseconds, asked_at: Microseconds, reasons: int
) -> PinnedModel:
    named = dict(model)
    spec = spec_of(named["capability"])
    champion = Champion(named["version"], named["digest"], spec.load(artifact))
    return PinnedModel(spec, champion, named["outcome"], instant_of(cutoff), asked_at, reasons)


def predict_bucket(wanted: BucketPredictions, bucket: int) -> dict[str, int]:
    """Predict for the contacts of a bucket, put the part in its place, and return how many of each status.

    Doing it twice, even at once, gives the same file.

    Raises:
        FileRefused: the bucket cannot be read, or this machine does not see the folder.
    """
    if not wanted.folder.is_dir():  # or the run is over, and nothing may be left behind it
        raise FileRefused(f"A worker does not see {wanted.folder}: all machines need the same folder under one path.")
    bulk = read_bucket(wanted.export, wanted.manifest, bucket)
    with replacing(wanted.part(bucket)) as target:
        return write_answers(target, wanted.format, wanted.pinned(), bulk)


def predicted(
    wanted: BucketPredictions,
    artifact: Path,
    out: Path,
    *,
    scheduler: str | None,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, int]:
    """Predict for the contacts of all buckets, and join the parts in their order; return how many of each status.

    Args:
        wanted: what; its folder is there.
        artifact: folder of the version; copied to where workers see it.
        out: the file, in its place whole or not at all.
        scheduler: address of a Dask scheduler; None: this process.
        progress: called with the number of buckets done.

    Raises:
        FileRefused: a bucket cannot be read.
        SettingsRefused: the scheduler or its workers cannot do it.
    """
    shutil.copytree(artifact, wanted.folder / ARTIFACT)
    buckets, counts = range(wanted.manifest.buckets), Counter[str]()
    for done, found in enumerate(mapped(partial(predict_bucket, wanted), buckets, scheduler=scheduler), 1):
        counts.update(found)
        progress(done)
    with replacing(out) as target:
        format_of(wanted.format).join(target, [wanted.part(bucket) for bucket in buckets])
    return dict(counts)
