"""`foretell predict`: the chosen contacts through a model in this process, part by part, under a progress bar."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretell.batch_models import artifact_of, loaded
from foretell.bucket_predictions import BucketPredictions, predicted
from foretell.cli.output import progress_bars
from services.specs import spec_of
from shared.batches.buckets import BucketManifest
from shared.batches.files import replacing
from shared.batches.formats import ResultRow, format_of, status_counts
from shared.batches.request import ContactSelection
from shared.batches.run import PART_CONTACTS
from shared.batches.selection import lines_of, parts_of
from shared.contracts.rows import Microseconds
from shared.errors import BadRequest
from shared.settings import Settings
from shared.store import AccountStore

STEP_CONTACTS = 500
"""After so many contacts the bar moves."""


@dataclass(frozen=True, slots=True)
class Predicting:
    """What is to be predicted, about whom, and how it is written."""

    settings: Settings
    store: AccountStore
    model: dict[str, str]
    """Capability, outcome, version and digest."""
    selection: ContactSelection
    contacts: Path | None
    """The file of contacts; None: they are chosen from the store."""
    cutoff: Microseconds
    now: Microseconds
    reasons: int
    format: Any
    """Of the result."""
    export: Path | None = None
    """An export of events, instead of the store; None: contacts are read from the store."""


def written(run: Predicting, out: Path) -> dict[str, int]:
    """Write the answers into a file that is in its place whole or not at all; return how many of each status.

    Args:
        run: what is asked.
        out: the file; one of that name is replaced.

    Raises:
        ForetellError: the model cannot be loaded, or the file of contacts cannot be read.
    """
    if run.export is not None:
        return _from_export(run, run.export, out)
    predictor = loaded(run.settings, run.store, [run.model], cutoff=run.cutoff, asked_at=run.now, reasons=run.reasons)
    into, counts, done = format_of(run.format), Counter[str](), 0
    with _beside(out) as folder, progress_bars() as progress:
        task = progress.add_task("choosing contacts", total=None)
        total = _gathered(run, folder / "contacts")
        progress.update(task, description=f"predicting {run.model['capability']}", total=max(total, 1))
        parts: list[Path] = []
        for lines in parts_of(_lines(folder / "contacts"), PART_CONTACTS):
            rows: list[ResultRow] = []
            for start in range(0, len(lines), STEP_CONTACTS):
                step = lines[start : start + STEP_CONTACTS]
                rows += predictor.rows(step, first=done)
                done += len(step)
                progress.update(task, completed=done)
            parts.append(folder / f"part-{len(parts):05}")
            with parts[-1].open("wb") as target:
                into.write(target, rows)
            counts.update(status_counts(rows)[run.model["capability"]])
        with replacing(out) as target:
            into.join(target, parts)
        progress.update(task, completed=max(total, 1))
    return dict(counts)


def _from_export(run: Predicting, export: Path, out: Path) -> dict[str, int]:
    """Predict for the contacts of an export, bucket by bucket; on the workers of a scheduler where one is set."""
    if spec_of(run.model["capability"]).as_of_now is not None:
        raise BadRequest(
            f"Answers of {run.model['capability']} depend on what the store says now, which an export does not hold: "
            "name the contacts with --all, --segment or --contacts."
        )
    artifact = artifact_of(run.settings, run.store.account, run.model, at=run.now)
    manifest = BucketManifest.of_account(export, run.store.account)
    with _beside(out) as beside, progress_bars() as progress:
        task = progress.add_task(f"predicting {run.model['capability']}", total=max(manifest.buckets, 1))
        fixed = (run.model, run.cutoff, run.now, run.reasons, run.format)
        held = run.store.experiments.holdouts.active(run.model["capability"], run.model["outcome"], at=run.now)
        wanted = BucketPredictions(export.absolute(), manifest, beside.absolute(), *fixed, holdouts=held)
        return predicted(
            wanted,
            artifact,
            out,
            scheduler=run.settings.dask_scheduler,
            progress=lambda done: progress.update(task, completed=done),
        )


def _gathered(run: Predicting, goal: Path) -> int:
    """Write the chosen contacts down, so that it is known how many there are; return that."""
    source, count = run.contacts or goal, 0
    with goal.open("wb") as target:
        for line in lines_of(run.store, run.selection, source, cutoff=run.cutoff, recorded_at=run.now):
            target.write(line + b"\n")
            count += 1
    return count


def _lines(file: Path) -> Iterator[bytes]:
    with file.open("rb") as source:
        for line in source:
            yield line.removesuffix(b"\n")


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """Make a folder beside the file, on the same disk, and take it away in the end."""
    folder = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
