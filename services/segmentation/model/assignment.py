"""What is answered about one contact: its segment and the next ones, and where it was before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from services.segmentation.model.grouping import Grouping
from shared.contracts.prediction import Prediction, Source
from shared.contracts.rows import Microseconds, instant_of


class SegmentRef(NamedTuple):
    """What a client calls a group."""

    id: str
    """`s3`; of a micro-segment `s3.1`. Kept by retraining as long as half of the members are the same."""
    name: str


@dataclass(frozen=True, slots=True)
class SegmentDefinition:
    """A segment with its id and name, and its micro-segments where it has any."""

    named: SegmentRef
    micro: tuple[SegmentRef, ...] = ()
    """Micro-segments in the order of `micro_grouping`; empty: none were stable."""
    micro_grouping: Grouping | None = None
    """Centres of the micro-segments, in unweighted standard deviations."""

    def to_json(self) -> dict[str, Any]:
        """Write names and ids as plain values; centres go into the npz file."""
        return {
            "id": self.named.id,
            "name": self.named.name,
            "micro": [{"id": one.id, "name": one.name} for one in self.micro],
            "spread": None if self.micro_grouping is None else self.micro_grouping.spread,
        }


class Membership(NamedTuple):
    """A group and how surely a contact belongs to it."""

    segment: SegmentRef
    membership: float


@dataclass(slots=True, kw_only=True)
class ScoredSegment(Prediction):
    """What is answered about one contact: its group and the next ones.

    The margin is the log-odds of the first against the second group. Groups are equally likely before a contact is
    looked at, so that the reasons stand on nothing.
    """

    source: Source | None = "model"
    base: float | None = 0.0
    first: Membership
    alternatives: list[Membership]
    """The next surest, at most three."""
    micro: SegmentRef | None
    """The micro-segment inside the first one, where it has any."""
    previous: SegmentRef | None = None
    """The segment that the contact was in before, where stored answers know."""
    moved_at: datetime | None = None
    """The cutoff at which it was first seen here, where it came from elsewhere."""

    @property
    def segment_id(self) -> str:
        """Return the id of its segment."""
        return self.first.segment.id

    def own_fields(self) -> Mapping[str, object]:
        """Return what segmentation adds to the head."""
        return {
            "segment": self.first.segment._asdict(),
            "membership": self.first.membership,
            "alternatives": [{**one.segment._asdict(), "membership": one.membership} for one in self.alternatives],
            "micro_segment": None if self.micro is None else self.micro._asdict(),
            "previous_segment": None if self.previous is None else self.previous._asdict(),
            "moved_at": self.moved_at,
        }


class StoredAssignment(NamedTuple):
    """The latest stored answer about a contact."""

    cutoff: Microseconds
    segment: SegmentRef | None
    previous: SegmentRef | None
    moved_at: datetime | None

    @classmethod
    def read(cls, cutoff: Microseconds, body: str) -> "StoredAssignment":
        """Read a prediction as it was sent.

        Args:
            cutoff: that it stood on.
            body: JSON.
        """
        sent: Mapping[str, Any] = orjson.loads(body)
        moved_at = sent.get("moved_at")
        return cls(
            cutoff,
            _named(sent.get("segment")),
            _named(sent.get("previous_segment")),
            None if moved_at is None else datetime.fromisoformat(moved_at),
        )


def with_history(
    contact_ids: Sequence[str],
    scored: Sequence[ScoredSegment],
    latest: Mapping[str, tuple[Microseconds, str]],
    names: Mapping[str, str],
    *,
    cutoff: Microseconds,
) -> list[ScoredSegment]:
    """Add to each answer the segment before and when the contact moved, and use the account's names.

    A contact moves when an answer differs from the stored one of an earlier cutoff; as long as it stays, what was
    stored is repeated. A stored answer of a later cutoff is ignored.

    Args:
        contact_ids: whose answers these are.
        scored: by the model alone.
        latest: cutoff and body of the latest stored answer, by contact.
        names: what the account calls segments, by id.
        cutoff: of these answers.
    """
    return [
        _remembered(
            one, None if contact_id not in latest else StoredAssignment.read(*latest[contact_id]), names, cutoff
        )
        for contact_id, one in zip(contact_ids, scored, strict=True)
    ]


def _remembered(
    one: ScoredSegment, before: StoredAssignment | None, names: Mapping[str, str], cutoff: Microseconds
) -> ScoredSegment:
    previous, moved_at = None, None
    if before is not None and before.segment is not None and before.cutoff <= cutoff:
        stayed = before.segment.id == one.first.segment.id
        previous = before.previous if stayed else before.segment
        moved_at = before.moved_at if stayed else instant_of(cutoff)
    return replace(
        one,
        first=_called(one.first, names),
        alternatives=[_called(other, names) for other in one.alternatives],
        previous=None if previous is None else _renamed(previous, names),
        moved_at=moved_at,
    )


def _called(membership: Membership, names: Mapping[str, str]) -> Membership:
    return membership._replace(segment=_renamed(membership.segment, names))


def _renamed(named: SegmentRef, names: Mapping[str, str]) -> SegmentRef:
    return SegmentRef(named.id, names.get(named.id, named.name))


def _named(fields: Mapping[str, str] | None) -> SegmentRef | None:
    return None if fields is None else SegmentRef(fields["id"], fields["name"])
