"""What can stand: a band, a segment, an hour of the week. A capability names the one it stands by in its table line."""

from dataclasses import dataclass
from typing import Protocol

from shared.capabilities import Capability
from shared.contracts.message import (
    MAX_REASONS,
    BandChanged,
    Cause,
    MessageModel,
    MessageSegment,
    SegmentEntered,
    SegmentLeft,
    SendTimeChanged,
)
from shared.contracts.prediction import Answer
from shared.standing.answered import Answered, Foreseen
from shared.standing.rows import Standing

LEAST_POINTS = 2
"""A score has to move by so many points for another band to be told."""
LEAST_MEMBERSHIP = 0.02
"""By so much another segment has to be surer than the old one."""
LEAST_GAIN = 0.02
"""By so much more, relatively, another hour has to promise than the old one."""
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Change:
    """A contact whose state is another one now."""

    line: Capability
    outcome: str
    before: Standing
    seen: Foreseen
    answered: Answered
    cause: Cause
    old_name: str | None
    """What the state before is called, where states have names and it is known."""


class Kind(Protocol):
    """One way to stand."""

    def state(self, seen: Foreseen) -> str | None:
        """Tell where a prediction puts its contact; None: nowhere."""

    def moves(self, before: Standing, seen: Foreseen, *, same_version: bool) -> bool:
        """Tell whether another state lies far enough from the one before to be told."""

    def data(self, change: Change) -> list[Answer]:
        """Tell a change: one for each type of message that the capability names, in that order."""


class Band:
    """The band of a score."""

    def state(self, seen: Foreseen) -> str | None:
        """Tell the band."""
        return seen.band

    def moves(self, before: Standing, seen: Foreseen, *, same_version: bool) -> bool:
        """Ask for two points; scores of two versions are percentiles of two references, and are not compared."""
        if not same_version or before.score is None or seen.score is None:
            return True
        return abs(seen.score - before.score) >= LEAST_POINTS

    def data(self, change: Change) -> list[Answer]:
        """Tell the band with what explains it."""
        seen, before, model = change.seen, change.before, change.answered.model
        told = BandChanged.model_validate(
            {
                "contact_id": before.contact_id,
                "capability": change.line.name,
                "outcome": change.outcome,
                "previous_band": before.state,
                "band": seen.band,
                "score": seen.score,
                "previous_score": before.score,
                "probability": seen.probability,
                "reasons": seen.reasons[:MAX_REASONS],
                "trend": seen.trend,
                "model": MessageModel(version=model.version, grade=model.grade),
                "cutoff": change.answered.cutoff,
                "cause": change.cause,
            }
        )
        return [told]


class Segment:
    """The surest segment."""

    def state(self, seen: Foreseen) -> str | None:
        """Tell its id."""
        return None if seen.segment is None else seen.segment.id

    def moves(self, before: Standing, seen: Foreseen, *, same_version: bool) -> bool:  # noqa: ARG002
        """Ask for two points of membership beyond the old one, where the answer still names that."""
        old = next((one.membership for one in seen.alternatives if one.id == before.state), None)
        if old is None or seen.membership is None:
            return True
        return seen.membership - old >= LEAST_MEMBERSHIP - _ROUNDING

    def data(self, change: Change) -> list[Answer]:
        """Tell which one was entered, and which one was left."""
        before, seen = change.before, change.seen
        named = {one.id: one.name for one in seen.alternatives}
        old = MessageSegment(id=before.state, name=change.old_name or named.get(before.state) or before.state)
        new = MessageSegment.model_validate(seen.segment, from_attributes=True)
        who, cause = before.contact_id, change.cause
        return [
            SegmentEntered(contact_id=who, segment=new, previous_segment=old, cause=cause),
            SegmentLeft(contact_id=who, segment=old, next_segment=new, cause=cause),
        ]


class Slot:
    """The best hour of the contact's local week."""

    def state(self, seen: Foreseen) -> str | None:
        """Tell the hour, 0 to 167."""
        return None if seen.send_at is None else str(seen.send_at.slot)

    def moves(self, before: Standing, seen: Foreseen, *, same_version: bool) -> bool:  # noqa: ARG002
        """Ask for two hundredths more than the old hour, where the answer still tells what that promises."""
        old = next(
            (one.promise for one in seen.alternatives if one.send_at and str(one.send_at.slot) == before.state), None
        )
        if old is None or seen.promise is None:
            return True
        return seen.promise >= old * (1 + LEAST_GAIN) - _ROUNDING

    def data(self, change: Change) -> list[Answer]:
        """Tell the next such hour."""
        send_at = change.seen.send_at
        told = SendTimeChanged.model_validate(
            {
                "contact_id": change.before.contact_id,
                "send_at": send_at and send_at.utc,
                "slot": send_at and send_at.slot,
                "previous_slot": int(change.before.state),
                "timezone": send_at and send_at.timezone,
                "cause": change.cause,
            }
        )
        return [told]


KINDS: dict[str, Kind] = {"band": Band(), "segment": Segment(), "slot": Slot()}
"""By the name that a line of the capability table stands by."""
