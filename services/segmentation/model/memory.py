"""What was answered before: which segment a contact came from, since when, and what the account calls its segments."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from services.segmentation.model.scored import Membership, Scored
from services.segmentation.model.segment import Named
from shared.contracts.rows import Microseconds, instant_of


class Before(NamedTuple):
    """The latest stored answer about a contact."""

    cutoff: Microseconds
    segment: Named | None
    previous: Named | None
    moved_at: datetime | None

    @classmethod
    def read(cls, cutoff: Microseconds, body: str) -> "Before":
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


def remembered(
    contact_ids: Sequence[str],
    scored: Sequence[Scored],
    latest: Mapping[str, tuple[Microseconds, str]],
    names: Mapping[str, str],
    *,
    cutoff: Microseconds,
) -> list[Scored]:
    """Tell of each answer which segment the contact was in before and when it moved, and use the account's names.

    A contact moves when an answer differs from the stored one of an earlier cutoff; as long as it stays, what was
    stored is told again. A stored answer of a later cutoff says nothing of what was before this one.

    Args:
        contact_ids: whose answers these are.
        scored: by the model alone.
        latest: cutoff and body of the latest stored answer, by contact.
        names: what the account calls segments, by id.
        cutoff: of these answers.
    """
    return [
        _remembered(one, None if contact_id not in latest else Before.read(*latest[contact_id]), names, cutoff)
        for contact_id, one in zip(contact_ids, scored, strict=True)
    ]


def _remembered(one: Scored, before: Before | None, names: Mapping[str, str], cutoff: Microseconds) -> Scored:
    previous, moved_at = None, None
    if before is not None and before.segment is not None and before.cutoff <= cutoff:
        stayed = before.segment.id == one.first.segment.id
        previous = before.previous if stayed else before.segment
        moved_at = before.moved_at if stayed else instant_of(cutoff)
    return one._replace(
        first=_called(one.first, names),
        alternatives=[_called(other, names) for other in one.alternatives],
        previous=None if previous is None else _renamed(previous, names),
        moved_at=moved_at,
    )


def _called(membership: Membership, names: Mapping[str, str]) -> Membership:
    return membership._replace(segment=_renamed(membership.segment, names))


def _renamed(named: Named, names: Mapping[str, str]) -> Named:
    return Named(named.id, names.get(named.id, named.name))


def _named(fields: Mapping[str, str] | None) -> Named | None:
    return None if fields is None else Named(fields["id"], fields["name"])
