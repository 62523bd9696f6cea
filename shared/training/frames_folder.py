"""Training frames as files that a data scientist takes elsewhere: one Parquet table and the manifest that describes it.

Frames of the last test period are kept back whole: neither their labels nor their features are written, for a feature
at a later cutoff tells of the label of an earlier one. What is trained on these files cannot have seen what judges it.
"""

import hashlib
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.contracts.outcome import Outcome
from shared.contracts.rows import Microseconds
from shared.errors import FileRefused
from shared.features import Feature, FeatureSet, Inputs
from shared.learners.simple import Matrix, Vector

TABLE: Final = "frames.parquet"
MANIFEST: Final = "manifest.json"
OWN_COLUMNS: Final = ("contact", "cutoff", "label", "fold")
MOST_MANIFEST_BYTES: Final = 20_000_000
_UNSAFE = re.compile(r"[^0-9A-Za-z_]+")
CellKind = Literal["double", "int32"]


class FrameColumn(BaseModel):
    """A feature as a column of the table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """In the table: letters, digits and underscores, as LightGBM keeps them."""
    feature: str
    """As Foretell calls it."""
    type: CellKind
    """`int32` holds codes; null or NaN is missing in either."""
    unit: str
    categories: tuple[str, ...] | None = None
    """Of a code: the names in its order; the number after the last is every other name. None: the numbers mean
    themselves."""


class Manifest(BaseModel):
    """What a folder of frames holds, and what a model trained on it must fit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    foretell: str
    """The release that wrote it."""
    account: str
    capability: str
    outcome: Outcome
    exported_at: Microseconds
    horizon_days: int | None
    """None: flat data."""
    objective: Literal["binary"] = "binary"
    frames: int
    contacts: int
    positive_frames: int
    folds: int
    """Highest number in the column `fold`; 0 is only learned from."""
    held_back_since: Microseconds | None
    """Frames from here on are kept back; None: those of every fifth contact are."""
    held_back_frames: int
    data_digest: str
    table_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    columns: tuple[FrameColumn, ...]
    feature_set: dict[str, Any]
    inputs: dict[str, Any]

    @property
    def names(self) -> list[str]:
        """Name the feature columns, in order."""
        return [column.name for column in self.columns]

    @property
    def digest(self) -> str:
        """Fingerprint it: what the audit log keeps of an export."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class LearnableFrames:
    """Frames that may leave, as the training sees them."""

    contact: NDArray[np.int32]
    """(n,) row in the pasts."""
    cutoff: NDArray[np.int64]
    label: Vector
    fold: NDArray[np.int64]
    """(n,) which stretch of time judges the row, from 1; 0: none."""
    matrix: Matrix
    """(n, p), with what stands in for missing values."""
    feature_set: FeatureSet
    inputs: Inputs
    held_back_since: Microseconds | None
    held_back: int
    """Frames."""
    outcome: Outcome
    horizon_days: int | None
    data_digest: str


def column_names(features: Sequence[Feature]) -> list[str]:
    """Name columns so that LightGBM keeps the names: a second one of the same letters gets a number.

    >>> column_names([Feature(name, "numeric", "", "") for name in ("Lead Source", "Lead-Source", "label")])
    ['Lead_Source', 'Lead_Source_2', 'label_2']
    """
    taken = {*OWN_COLUMNS}
    names = []
    for feature in features:
        plain = _UNSAFE.sub("_", feature.name).strip("_") or "feature"
        name, number = plain, 1
        while name in taken:
            number += 1
            name = f"{plain}_{number}"
        taken.add(name)
        names.append(name)
    return names


def frame_columns(feature_set: FeatureSet) -> tuple[FrameColumn, ...]:
    """Describe the features as columns of the table."""
    return tuple(
        FrameColumn(
            name=name,
            feature=feature.name,
            type="int32" if feature.is_categorical or feature.kind == "boolean" else "double",
            unit=feature.unit,
            categories=feature.categories if feature.is_categorical else None,
        )
        for name, feature in zip(column_names(feature_set.features), feature_set.features, strict=True)
    )


def write_frames(
    folder: Path,
    frames: LearnableFrames,
    *,
    account: str,
    capability: str,
    release: str,
    at: Microseconds,
    record: Callable[[Manifest], None] = lambda _: None,
) -> Manifest:
    """Write the table and its manifest into a new folder, which only its owner can read, and which is there whole.

    They are written beside it, under a name that begins with a dot, and renamed at the end. Contacts are numbers drawn
    at random: nobody is recognised, and rows of the same contact still are of the same.

    Args:
        folder: must not exist.
        frames: what is written.
        account: whose frames.
        capability: which question.
        release: of Foretell.
        at: now.
        record: called before the folder is there: nothing leaves unrecorded.

    Raises:
        FileRefused: the folder exists.
    """
    if folder.exists() or folder.is_symlink():
        raise FileRefused(f"{folder} is already there: name a new folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        manifest = _written(beside, frames, account=account, capability=capability, release=release, at=at)
        record(manifest)
        beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return manifest


def _written(
    folder: Path, frames: LearnableFrames, *, account: str, capability: str, release: str, at: Microseconds
) -> Manifest:
    columns = frame_columns(frames.feature_set)
    path = folder / TABLE
    _write_table(path, frames, columns)
    manifest = Manifest(
        foretell=release,
        account=account,
        capability=capability,
        outcome=frames.outcome,
        exported_at=at,
        horizon_days=frames.horizon_days,
        frames=len(frames.label),
        contacts=len(np.unique(frames.contact)),
        positive_frames=int(frames.label.sum()),
        folds=int(frames.fold.max(initial=0)),
        held_back_since=frames.held_back_since,
        held_back_frames=frames.held_back,
        data_digest=frames.data_digest,
        table_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        columns=columns,
        feature_set=frames.feature_set.to_json(),
        inputs=frames.inputs.to_json(),
    )
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
    for written in folder.iterdir():
        written.chmod(0o600)
    return manifest


def _write_table(path: Path, frames: LearnableFrames, columns: Sequence[FrameColumn]) -> None:
    import pyarrow
    import pyarrow.parquet

    whose, group = np.unique(frames.contact, return_inverse=True)
    number = np.random.default_rng().permutation(len(whose)).astype(np.int32)[group]
    order = np.lexsort((number, frames.cutoff))  # in the order of their ids, the numbers would say who they are
    arrays = [
        pyarrow.array(number[order]),
        pyarrow.array(frames.cutoff[order], pyarrow.timestamp("us", tz="UTC")),
        pyarrow.array(frames.label[order].astype(np.int8)),
        pyarrow.array(frames.fold[order].astype(np.int8)),
    ]
    for place, column in enumerate(columns):
        numbers = frames.matrix[order, place]
        missing = np.isnan(numbers)
        if column.type == "int32":
            arrays.append(pyarrow.array(np.where(missing, 0, numbers).astype(np.int32), mask=missing))
        else:
            arrays.append(pyarrow.array(numbers))  # NaN stays NaN: readers without nulls take it as it is
    names = [*OWN_COLUMNS, *(column.name for column in columns)]
    pyarrow.parquet.write_table(pyarrow.table(arrays, names=names), path, compression="zstd")


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a folder that `write_frames` wrote; the table is not needed any more.

    Raises:
        FileRefused: there is none, or it is no manifest of this release's format.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise FileRefused(f"There is no {MANIFEST} in {folder}: name the folder that `foretell frames export` wrote.")
    if path.stat().st_size > MOST_MANIFEST_BYTES:
        raise FileRefused(f"{path} is too large for a manifest.")
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise FileRefused(f"{path} is no manifest that this release can read: export the frames again.") from error
