"""The model of a version: the surest group of a contact, the next ones, and the reasons; saved and loaded."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from services.segmentation.model.assignment import Membership, ScoredSegment, SegmentDefinition, SegmentRef
from services.segmentation.model.grouping import Grouping, Transform
from shared.contracts.prediction import Grade, PredictionRequest
from shared.contracts.rows import DAY
from shared.errors import ArtifactRefused
from shared.features import FeatureSet, Inputs, ReasonPart, Things, observed
from shared.registry.artifact import InputColumn, OutputColumn, input_columns
from shared.timeline import ContactPasts, Pasts
from shared.timeline.pasts import LOOKBACK_DAYS, positions_before

Matrix = NDArray[np.float64]
Labels = NDArray[np.intp]
FORMAT = 1
_UNREADABLE = (OSError, EOFError, KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError)
"""What reading a damaged JSON or npz file raises."""
_PLACES, _CENTRES, _MICRO_CENTRES = "transform_", "centres", "inside_"
RULES, FOUND = "rfm", "kmeans"
"""Kinds: groups were set by a rule, or found."""
MOST_ALTERNATIVES = 3
LEAST_MEMBERSHIP = 0.01
"""An alternative less sure than this is none."""
NOTHING_HAPPENED = "Nothing has happened in the last two years that groups are made of."


@dataclass(frozen=True)
class SegmentationModel:
    """A version: features, their places, groups and what they are called."""

    kind: str
    grade: Grade
    trained_at: datetime
    feature_set: FeatureSet
    transform: Transform
    grouping: Grouping
    segments: tuple[SegmentDefinition, ...]
    """In the order of the grouping."""
    next_number: int
    """The number of the next new segment: a retired id never comes back for another group."""

    horizon_days: None = None
    reached_by: tuple[str, ...] = ()
    begun_by: tuple[str, ...] = ()
    lookback_days: int = LOOKBACK_DAYS
    flag: None = None
    outcome: str = ""

    @property
    def table_inputs(self) -> tuple[InputColumn, ...]:
        """Describe the table that this version answers without the store."""
        return input_columns(self.feature_set)

    @property
    def table_outputs(self) -> tuple[OutputColumn, ...]:
        """Describe what it answers to a table."""
        return (
            OutputColumn("segment_id", "string"),
            OutputColumn("segment", "string"),
            OutputColumn("membership", "double"),
        )

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Return the attributes that it looks at."""
        return tuple([feature.attribute for feature in self.feature_set.features if feature.attribute])

    def answer(
        self, pasts: ContactPasts, cutoffs: NDArray[np.int64], request: PredictionRequest
    ) -> list[ScoredSegment]:
        """Assign every contact of a request; see `predict`."""
        return self.predict(pasts, cutoffs, reasons=request.reasons_requested)

    def predict(self, pasts: Pasts | ContactPasts, cutoffs: NDArray[np.int64], *, reasons: int) -> list[ScoredSegment]:
        """Assign every contact of the pasts.

        Args:
            pasts: one row a contact.
            cutoffs: microseconds, shape (len(pasts),).
            reasons: how many reasons at most; 0 computes none.

        Returns:
            One ScoredSegment a contact, in order; `insufficient_data` for a contact without any event in the lookback.
        """
        values, cut_off, understood = observed(self.feature_set, self._readable, pasts, cutoffs)
        places = self.transform.apply(values)
        sure = self.grouping.membership(places)
        order = self.grouping.surest(places)
        first, second = order[:, 0], order[:, 1]
        shares = self.grouping.contributions(places, first, second)
        explained = self._reasons(values, shares, reasons) if reasons else [[] for _ in first]
        micro_rows = self.micro_labels(values, first)
        lived = _lived(pasts, cutoffs)
        return [
            ScoredSegment(
                first=Membership(self.segments[chosen[0]].named, row[chosen[0]]),
                alternatives=self._alternatives(row, chosen),
                micro=self._micro(chosen[0], micro),
                margin=margin,
                reasons=listed,
                truncated=long,
                source="rules" if self.kind == RULES else "model",
                status="ok" if any_event else "insufficient_data",
                detail=None if any_event else NOTHING_HAPPENED,
                inputs=inputs,
            )
            for row, chosen, micro, margin, listed, long, any_event, inputs in zip(
                sure.tolist(),
                order.tolist(),
                micro_rows.tolist(),
                shares.sum(axis=1).tolist(),
                explained,
                cut_off,
                lived,
                understood,
                strict=True,
            )
        ]

    def assign(self, values: Matrix) -> Labels:
        """Return the segment of each row of a matrix, as a position in `segments`, shape (n,)."""
        return self.grouping.nearest(self.transform.apply(values))

    def micro_labels(self, values: Matrix, first: Labels) -> Labels:
        """Return the micro-segment of each row, shape (n,); -1 where there are none."""
        micro = np.full(len(values), -1, dtype=np.intp)
        for number, segment in enumerate(self.segments):
            mine = first == number
            if segment.micro_grouping is not None and mine.any():
                micro[mine] = segment.micro_grouping.nearest(self.transform.standardised(values[mine]))
        return micro

    def answer_table(self, values: Matrix) -> dict[str, Any]:
        """Answer a matrix with the columns of the feature set: the surest segment, and how surely."""
        places = self.transform.apply(values)
        first = self.grouping.nearest(places)
        names = [self.segments[number].named for number in first]
        sure = self.grouping.membership(places)[np.arange(len(values)), first]
        return {
            "segment_id": np.array([one.id for one in names], dtype=object),
            "segment": np.array([one.name for one in names], dtype=object),
            "membership": sure,
        }

    def _alternatives(self, sure: Sequence[float], order: Sequence[int]) -> list[Membership]:
        return [
            Membership(self.segments[at].named, sure[at])
            for at in order[1 : MOST_ALTERNATIVES + 1]
            if sure[at] >= LEAST_MEMBERSHIP
        ]

    def _micro(self, first: int, position: int) -> SegmentRef | None:
        return None if position < 0 else self.segments[first].micro[position]

    def _reasons(self, values: Matrix, shares: Matrix, most: int) -> list[list[ReasonPart]]:
        """Sum the places of each column, then let each thing speak through its strongest column."""
        by_column = np.zeros((len(values), len(self.feature_set)))
        for place, column in enumerate(self.transform.source):
            by_column[:, column] += shares[:, place]
        return self._things.reasons(values, by_column, most)

    @cached_property
    def _readable(self) -> Inputs:
        return Inputs.without_ranges(self.feature_set)

    @cached_property
    def _things(self) -> Things:
        return Things.of(self.feature_set)

    def require_whole(self) -> None:
        """Answer once, and check that transform, groups and names fit each other.

        Raises:
            ValueError: they do not.
        """
        k, q = len(self.segments), self.transform.width
        arrays = self.transform.to_arrays()
        shapes = {arrays[name].shape for name in arrays if name != "evidence"}
        columns = range(-1, len(self.feature_set))
        fits = (
            self.kind in (RULES, FOUND)
            and self.grouping.centres.shape == (k, q)
            and k >= 2
            and shapes == {(q,)}
            and self.grouping.spread > 0
            and self.transform.evidence in columns
            and int(self.transform.source.max(initial=-1)) in columns
            and all(_inner_fits(segment, q) for segment in self.segments)
        )
        if not fits:
            raise ValueError("transform, groups and names do not fit each other")
        sure = self.grouping.membership(self.transform.apply(np.full((1, len(self.feature_set)), np.nan)))
        if not np.isfinite(sure).all():
            raise ValueError("the model answers no number")

    def save(self, folder: Path) -> None:
        """Write the version: JSON for names and settings, npz for numbers; nothing executable.

        Args:
            folder: made when absent.
        """
        folder.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {
            f"{_PLACES}{name}": np.asarray(array) for name, array in self.transform.to_arrays().items()
        }
        arrays[_CENTRES] = self.grouping.centres
        for number, segment in enumerate(self.segments):
            if segment.micro_grouping is not None:
                arrays[f"{_MICRO_CENTRES}{number}"] = segment.micro_grouping.centres
        np.savez(folder / "groups.npz", **arrays)
        (folder / "model.json").write_text(json.dumps(self._described(), indent=1, sort_keys=True), encoding="utf-8")

    def _described(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "capability": "segmentation",
            "kind": self.kind,
            "grade": self.grade,
            "trained_at": self.trained_at.isoformat(),
            "feature_set": self.feature_set.to_json(),
            "spread": self.grouping.spread,
            "segments": [segment.to_json() for segment in self.segments],
            "next_number": self.next_number,
        }

    @staticmethod
    def load(folder: Path) -> "SegmentationModel":
        """Read what `save` wrote.

        Raises:
            ArtifactRefused: a file is missing, damaged, or made for another release.
        """
        try:
            described: Mapping[str, Any] = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            if described["format"] != FORMAT or described["capability"] != "segmentation":
                raise ArtifactRefused("The artifact was made for another release or capability. Train it again.")
            with (folder / "groups.npz").open("rb") as file, np.load(file, allow_pickle=False) as opened:
                arrays = {name: opened[name] for name in opened.files}
            model = SegmentationModel(
                kind=described["kind"],
                grade=described["grade"],
                trained_at=datetime.fromisoformat(described["trained_at"]),
                feature_set=FeatureSet.from_json(described["feature_set"]),
                transform=Transform.from_arrays(
                    {name.removeprefix(_PLACES): array for name, array in arrays.items() if name.startswith(_PLACES)}
                ),
                grouping=Grouping(arrays[_CENTRES], described["spread"]),
                segments=tuple(
                    _segment(fields, arrays.get(f"{_MICRO_CENTRES}{number}"))
                    for number, fields in enumerate(described["segments"])
                ),
                next_number=described["next_number"],
            )
            model.require_whole()
        except (*_UNREADABLE, BadZipFile) as error:
            raise ArtifactRefused(f"The artifact cannot be read ({type(error).__name__}). Train it again.") from error
        return model


def _inner_fits(segment: SegmentDefinition, q: int) -> bool:
    if segment.micro_grouping is None:
        return not segment.micro
    return segment.micro_grouping.centres.shape == (len(segment.micro), q) and segment.micro_grouping.spread > 0


def seen(pasts: Pasts, contact: NDArray[np.int32], cutoffs: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which contacts have an event in the lookback, shape (n,)."""
    oldest = positions_before(pasts, contact, cutoffs - LOOKBACK_DAYS * DAY)
    return np.asarray(positions_before(pasts, contact, cutoffs) > oldest)


def _lived(pasts: Pasts | ContactPasts, cutoffs: NDArray[np.int64]) -> list[bool]:
    """Return the same of a call's contacts, the quicker way for their number."""
    if isinstance(pasts, ContactPasts):
        if pasts.are_few:
            looked_at = [past.lookback(at) for past, at in zip(pasts.one_by_one, cutoffs.tolist(), strict=True)]
            return [begin < end for begin, end in looked_at]
        pasts = pasts.columns
    found: list[bool] = seen(pasts, np.arange(len(pasts), dtype=np.int32), cutoffs).tolist()
    return found


def _segment(fields: Mapping[str, Any], centres: Any) -> SegmentDefinition:
    micro = tuple(SegmentRef(one["id"], one["name"]) for one in fields["micro"])
    return SegmentDefinition(
        SegmentRef(fields["id"], fields["name"]),
        micro,
        None if centres is None else Grouping(centres, fields["spread"]),
    )
