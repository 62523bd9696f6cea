"""The report of a run: groups, how they were chosen, what became of those before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.segmentation.model import RULES, SegmentDefinition
from services.segmentation.training.fitting import SegmentationFit
from services.segmentation.training.identity import matching_json
from services.segmentation.training.naming import description
from services.segmentation.training.profiles import Profile
from shared.contracts.defaults import LEAST_GROUPED
from shared.contracts.prediction import Grade
from shared.contracts.rows import instant_of
from shared.evaluation.metrics import Interval
from shared.features import ColumnRead, LeftOut
from shared.training.material import line_notes

Figures = dict[str, Any]
QUESTION = "Which behaviour group does a contact belong to, how surely, and why?"


@dataclass(frozen=True, slots=True)
class SegmentationReport:
    """What one training found."""

    winner: str
    kind: str
    grade: Grade
    data: Figures
    """Counts and times."""
    candidates: Sequence[Figures]
    """One a number of groups."""
    figures: Mapping[str, Interval | float]
    segments: Sequence[Figures]
    """What `GET /segments` shows: id, name, description, share, profile, micro-segments."""
    matching: Figures | None
    """What became of the groups of the version before, by id."""
    left_out: Sequence[LeftOut] = ()
    columns: Sequence[ColumnRead] = ()
    """What each attribute that counts was read as."""
    notes: Sequence[str] = ()
    usable: bool = True
    """Groups that do not hold are never found in the first place: there is always something to serve."""
    unusable_because: str = ""

    def to_json(self) -> Figures:
        """Write as plain values."""
        return {
            "winner": self.winner,
            "kind": self.kind,
            "grade": self.grade,
            "usable": self.usable,
            "data": self.data,
            "candidates": list(self.candidates),
            "figures": {
                name: figure.to_json() if isinstance(figure, Interval) else round(float(figure), 6)
                for name, figure in self.figures.items()
            },
            "segments": list(self.segments),
            "matching": self.matching,
            "left_out": [{"name": left.name, "reason": left.reason, "remedy": left.remedy} for left in self.left_out],
            "columns": [column.to_json() for column in self.columns],
            "notes": list(self.notes),
        }


def report(fit: SegmentationFit, old_ids: Sequence[str] = ()) -> SegmentationReport:
    """Write down what a fit found.

    Args:
        fit: the model and its evidence.
        old_ids: of the version before, in its order.
    """
    model, served = fit.model, fit.served
    ids = [segment.named.id for segment in model.segments]
    figures: dict[str, Interval | float] = {}
    if served is not None:
        figures["agreement"] = served.agreement
        figures |= served.usefulness.figures() if served.usefulness is not None else {}
    figures["average_membership"] = float(model.grouping.membership(fit.snapshot.places).max(axis=1).mean())
    return SegmentationReport(
        winner="a plain recency-frequency-money rule" if model.kind == RULES else f"k-means, {len(ids)} segments",
        kind=model.kind,
        grade=model.grade,
        data=_data(fit),
        candidates=[one.to_json() for one in fit.candidates],
        figures=figures,
        segments=[
            _segment(segment, profile, micro)
            for segment, profile, micro in zip(model.segments, fit.described, fit.micro_profiles, strict=True)
        ],
        matching=None
        if fit.matching is None
        else {**matching_json(fit.matching, list(old_ids), ids), "renamed": _renamed(fit)},
        left_out=fit.snapshot.declared.left_out,
        columns=fit.snapshot.declared.columns,
        notes=_notes(fit, old_ids),
    )


def _data(fit: SegmentationFit) -> Figures:
    counts: Figures = {
        "contacts": len(fit.snapshot.contact),
        "features": len(fit.snapshot.feature_set),
        "segments": len(fit.model.segments),
        "cutoff": instant_of(int(fit.snapshot.cutoff[0])).date().isoformat(),
    }
    if fit.before is not None:
        counts |= {
            "judged_contacts": len(fit.before.contact),
            "judged_at": instant_of(int(fit.before.cutoff[0])).date().isoformat(),
            "judged_days": fit.before.days,
        }
    return counts


def _segment(segment: SegmentDefinition, profile: Profile, micro: Sequence[Profile]) -> Figures:
    return {
        "id": segment.named.id,
        "name": segment.named.name,
        "description": description(profile),
        **profile.to_json(),
        "micro_segments": [
            {"id": named.id, "name": named.name, "size": inner.size, "share_of_segment": round(inner.share, 4)}
            for named, inner in zip(segment.micro, micro, strict=True)
        ],
    }


def _notes(fit: SegmentationFit, old_ids: Sequence[str]) -> list[str]:
    notes = line_notes(fit.snapshot.pasts)
    if fit.model.kind == RULES:
        notes.append(
            f"Fewer than {LEAST_GROUPED} contacts have events: the segments were set by recency, frequency and money, "
            "not found; answers say `source: rules`."
        )
    elif fit.before is None:
        notes.append("There is no next period to judge by yet: subsamples alone chose the number of segments.")
    else:
        notes.append(
            f"How much they tell was measured on the {fit.before.days} days after {_data(fit)['judged_at']}: by "
            "segments found from what was known until then, against a plain score of how lately, how often and for "
            "how much, cut into as many groups."
        )
    if fit.matching is not None and old_ids:
        kept = len(fit.matching.kept)
        notes.append(f"{kept} of {len(old_ids)} segments of the version before are still there and keep their id.")
        notes += [
            f"{id_} was called '{one['was']}', which is no longer true of its members: it is '{one['is']}' now."
            for id_, one in _renamed(fit).items()
        ]
    return notes


def _renamed(fit: SegmentationFit) -> dict[str, dict[str, str]]:
    """Write which kept segments have another name, by id."""
    return {id_: {"was": before, "is": now} for id_, (before, now) in fit.renamed.items()}
