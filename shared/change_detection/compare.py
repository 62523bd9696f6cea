"""Compare a prediction with the last known state: the new state, and the messages about the change. Pure."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from shared.capabilities import Capability
from shared.change_detection.service_answers import Answered, Foreseen
from shared.change_detection.states import Standing
from shared.contracts.instants import microseconds
from shared.contracts.message import Cause, Message
from shared.contracts.message_data import (
    MAX_REASONS,
    BandChanged,
    MessageModel,
    MessageSegment,
    SegmentEntered,
    SegmentLeft,
    SendTimeChanged,
    as_data,
)
from shared.contracts.prediction import Answer
from shared.contracts.rows import Microseconds

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


@dataclass(frozen=True, slots=True)
class Subject:
    """What is compared, and which version should answer."""

    line: Capability
    outcome: str
    version: str
    """The champion."""
    promoted_at: Microseconds
    names: Mapping[str, str] = field(default_factory=dict)
    """What states are called, where they have names."""


class Changes(NamedTuple):
    """What is to be written in one transaction."""

    standings: list[Standing]
    messages: list[Message]


def compared(
    standings: Mapping[str, Standing | None], answered: Answered, subject: Subject, stale: Collection[str]
) -> Changes:
    """Compare predictions with what was told last.

    A first sight is written and told to nobody. A status other than `ok` leaves the standing as it is, and so do an
    answer that stands on an earlier instant than the standing, and one of a version that is champion no more.

    Args:
        standings: of the contacts that exist; None: nothing was told yet.
        answered: what a service said, about these contacts and maybe others.
        subject: capability, outcome and champion.
        stale: contacts with new events.
    """
    changes = Changes([], [])
    if not subject.line.stands_by:
        return changes
    for seen in answered.predictions:
        if seen.contact_id is None or seen.contact_id not in standings or seen.status != "ok":
            continue
        _compare(standings[seen.contact_id], seen, answered, subject, stale=seen.contact_id in stale, into=changes)
    return changes


def _compare(
    before: Standing | None, seen: Foreseen, answered: Answered, subject: Subject, *, stale: bool, into: Changes
) -> None:
    kind = KINDS[subject.line.stands_by]
    state, cutoff, version = kind.state(seen), microseconds(answered.cutoff), answered.model.version
    if state is None or seen.contact_id is None:
        return
    if before is None:
        into.standings.append(
            Standing(
                contact_id=seen.contact_id,
                capability=subject.line.name,
                outcome=subject.outcome,
                state=state,
                score=seen.score,
                version=version,
                cause="first",
                previous_state=None,
                changed_at=cutoff,
            )
        )
        return
    same_version = version == before.version
    if cutoff < before.changed_at or not (same_version or version == subject.version):
        return
    if state == before.state or not kind.moves(before, seen, same_version=same_version):
        if not same_version:
            # Its scores are percentiles of another reference: what moves from now on is measured in that.
            into.standings.append(before._replace(version=version, score=seen.score))
        return
    cause: Cause = ("events" if stale else "time") if same_version else "model"
    # A service's clock may lie behind the one that wrote the promotion, and is counted as of it all the same.
    at = cutoff if same_version else max(cutoff, subject.promoted_at)
    into.standings.append(
        before._replace(
            state=state, score=seen.score, version=version, cause=cause, previous_state=before.state, changed_at=at
        )
    )
    change = Change(subject.line, subject.outcome, before, seen, answered, cause, subject.names.get(before.state))
    for type_, data in zip(subject.line.tells, kind.data(change), strict=True):
        name = message_id(type_, seen.contact_id, before.capability, before.outcome, before.state, state, cutoff)
        into.messages.append(Message(name, type_, cutoff, as_data(data), seen.contact_id, cause))


def message_id(*parts: str | int) -> str:
    """Name a message by what it tells: the same happening has the same id.

    >>> message_id("model.promoted", "7") == message_id("model.promoted", "7")
    True
    """
    told = "\n".join(f"{len(str(part))}:{part}" for part in parts)
    return f"msg_{hashlib.blake2b(told.encode(), digest_size=16).hexdigest()}"
