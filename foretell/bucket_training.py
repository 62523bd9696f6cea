"""What a training learns from, read from an export: one task a bucket, on this machine or on many, then put together.

Contacts are whole in a bucket, so that each task takes out alone who may not be learned from, and what machines did.
What is put together gives the pasts that the store gives, and everything after it is the training of a single machine.
"""

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from shared.batches.bucket_map import connected, mapped
from shared.batches.bucket_reader import read_bucket
from shared.batches.buckets import BucketManifest
from shared.contracts.rows import denies_profiling
from shared.features import matrix
from shared.learners.distributed_trees import fit_on_workers
from shared.learners.simple import Columns, Matrix, Vector
from shared.serving.bulk import only_contacts
from shared.timeline import Pasts
from shared.timeline.coded_pasts import MACHINE, from_columns, seen_types
from shared.timeline.pasts import closed_frames
from shared.timeline.united_columns import Part, united
from shared.training.refit import RefitRequest, RefittedOnAll

_HASHED: Final = 2**64


@dataclass(frozen=True, slots=True)
class TrainingExport:
    """An export to learn from."""

    folder: Path
    """With several machines each sees it under this path."""
    manifest: BucketManifest
    share: float
    """Of the contacts, drawn by their ids; 1.0: all."""

    @staticmethod
    def of(folder: Path, *, account: str, most_contacts: int) -> "TrainingExport":
        """Take the export of an account.

        Args:
            folder: that was written.
            account: whose it must be.
            most_contacts: of more, about so many are drawn, each with its whole past: the same ones each time.

        Raises:
            FileRefused: it is no export of this account.
        """
        manifest = BucketManifest.of_account(folder, account)
        return TrainingExport(folder.absolute(), manifest, min(1.0, most_contacts / max(manifest.contacts, 1)))


def pasts_of_export(export: TrainingExport, *, with_events: bool, scheduler: str | None) -> Pasts:
    """Read the pasts of everybody who may be learned from, as `shared.training.material.scanned` does from the store.

    Args:
        export: what is read.
        with_events: whether events are read at all.
        scheduler: address of a Dask scheduler; None: this process reads.

    Raises:
        FileRefused: a bucket cannot be read.
        SettingsRefused: the scheduler or its workers cannot do it.
    """
    work = partial(read_part, export, with_events=with_events)
    parts = list(mapped(work, range(export.manifest.buckets), scheduler=scheduler))
    return from_columns(*united(parts))


def read_part(export: TrainingExport, bucket: int, *, with_events: bool = True) -> Part:
    """Read from a bucket the contacts that may be learned from, with what people did.

    Raises:
        FileRefused: the bucket cannot be read.
    """
    bulk = read_bucket(export.folder, export.manifest, bucket)
    events = replace(bulk.events, type=seen_types(bulk.events.type, bulk.human))
    by_person = bulk.human != MACHINE if with_events else np.zeros(len(events), dtype=bool)
    kept = np.fromiter(
        (
            not denies_profiling(consent) and is_drawn(contact_id, export.share)
            for contact_id, consent in zip(bulk.contacts.ids, bulk.contacts.consents, strict=True)
        ),
        bool,
        len(bulk.contacts.ids),
    )
    contacts, events = only_contacts(bulk.contacts, events.taken(by_person), kept)
    return contacts, replace(events, type=events.type.settled())


def is_drawn(contact_id: str, share: float) -> bool:
    """Whether a contact is among those drawn: by its id alone, and by another hash than that of the buckets.

    >>> [is_drawn(f"c-{number}", 0.5) for number in range(6)], is_drawn("c-1", 1.0)
    ([False, True, False, True, False, True], True)
    """
    if share >= 1.0:
        return True
    digest = hashlib.blake2b(contact_id.encode("utf-8", "surrogatepass"), digest_size=8, person=b"training").digest()
    return int.from_bytes(digest, "big") < share * _HASHED


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
