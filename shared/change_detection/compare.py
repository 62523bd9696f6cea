"""Compare a prediction with the last known state: the new state, and the messages about the change. Pure."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from shared.capabilities import Capability, Change
from shared.change_detection.service_answers import ContactPrediction, ServiceAnswer
from shared.change_detection.states import LastKnownState
from shared.contracts.message import (
    MAX_REASONS,
    BandChanged,
    Cause,
    Message,
    MessageModel,
    MessageSegment,
    NextOrderDue,
    SegmentEntered,
    SegmentLeft,
    SendTimeChanged,
    as_data,
)
from shared.contracts.prediction import Answer
from shared.contracts.rows import Microseconds, microseconds

LEAST_POINTS = 2
"""A score has to change by this many points before a new band is reported."""
LEAST_MEMBERSHIP = 0.02
"""The membership of a new segment has to exceed that of the old one by this much."""
LEAST_GAIN = 0.02
"""A new hour has to be better than the old one by this share."""
DUE_CHANCE = 0.5
"""Chance of an order within 7 days from which the next one is due: its median lies within them."""
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class StateChange:
    """A contact with a new state."""

    line: Capability
    outcome: str
    before: LastKnownState
    prediction: ContactPrediction
    answer: ServiceAnswer
    cause: Cause
    old_name: str | None
    """The name of the previous state, if states have names and it is known."""


class StateKind(Protocol):
    """A kind of state."""

    def state(self, prediction: ContactPrediction) -> str | None:
        """Return the state of a prediction's contact; None: it has none."""

    def moves(self, before: LastKnownState, prediction: ContactPrediction, *, same_version: bool) -> bool:
        """Whether a new state differs enough from the previous one to be reported."""

    def data(self, change: StateChange) -> Sequence[Answer | None]:
        """Return the data of a change: one for each of its types of message, in that order; None: it sends none."""


class BandState:
    """The band of a score."""

    def state(self, prediction: ContactPrediction) -> str | None:
        """Return the band."""
        return prediction.band

    def moves(self, before: LastKnownState, prediction: ContactPrediction, *, same_version: bool) -> bool:
        """Require two points; scores of two versions are percentiles of two references, and are not compared."""
        if not same_version or before.score is None or prediction.score is None:
            return True
        return abs(prediction.score - before.score) >= LEAST_POINTS

    def data(self, change: StateChange) -> list[Answer]:
        """Return the band and its explanation."""
        prediction, before, model = change.prediction, change.before, change.answer.model
        data = BandChanged.model_validate(
            {
                "contact_id": before.contact_id,
                "capability": change.line.name,
                "outcome": change.outcome or None,
                "previous_band": before.state,
                "band": prediction.band,
                "score": prediction.score,
                "previous_score": before.score,
                "probability": prediction.probability,
                "reasons": prediction.reasons[:MAX_REASONS],
                "trend": prediction.trend,
                "model": MessageModel(version=model.version, grade=model.grade),
                "cutoff": change.answer.cutoff,
                "cause": change.cause,
            }
        )
        return [data]


class SegmentState:
    """The segment with the highest membership."""

    def state(self, prediction: ContactPrediction) -> str | None:
        """Return its id."""
        return None if prediction.segment is None else prediction.segment.id

    def moves(self, before: LastKnownState, prediction: ContactPrediction, *, same_version: bool) -> bool:  # noqa: ARG002
        """Require two points of membership more than the old segment, if the answer still names that."""
        old = next((one.membership for one in prediction.alternatives if one.id == before.state), None)
        if old is None or prediction.membership is None:
            return True
        return prediction.membership - old >= LEAST_MEMBERSHIP - _ROUNDING

    def data(self, change: StateChange) -> list[Answer]:
        """Return the segment that was entered, and the one that was left."""
        before, prediction = change.before, change.prediction
        named = {one.id: one.name for one in prediction.alternatives}
        old = MessageSegment(id=before.state, name=change.old_name or named.get(before.state) or before.state)
        new = MessageSegment.model_validate(prediction.segment, from_attributes=True)
        who, cause = before.contact_id, change.cause
        return [
            SegmentEntered(contact_id=who, segment=new, previous_segment=old, cause=cause),
            SegmentLeft(contact_id=who, segment=old, next_segment=new, cause=cause),
        ]


class SlotState:
    """The best hour of the contact's local week."""

    def state(self, prediction: ContactPrediction) -> str | None:
        """Return the hour, 0 to 167."""
        return None if prediction.send_at is None else str(prediction.send_at.slot)

    def moves(self, before: LastKnownState, prediction: ContactPrediction, *, same_version: bool) -> bool:  # noqa: ARG002
        """Require two percent more than the old hour, if the answer still rates that."""
        old = next(
            (one.promise for one in prediction.alternatives if one.send_at and str(one.send_at.slot) == before.state),
            None,
        )
        if old is None or prediction.promise is None:
            return True
        return prediction.promise >= old * (1 + LEAST_GAIN) - _ROUNDING

    def data(self, change: StateChange) -> list[Answer]:
        """Return the next such hour."""
        send_at = change.prediction.send_at
        data = SendTimeChanged.model_validate(
            {
                "contact_id": change.before.contact_id,
                "send_at": send_at and send_at.utc,
                "slot": send_at and send_at.slot,
                "previous_slot": int(change.before.state),
                "timezone": send_at and send_at.timezone,
                "cause": change.cause,
            }
        )
        return [data]


_WAITING, _DUE = "waiting", "due "


class DueState:
    """Whether the next order is due, and after which order: it is due once for each."""

    def state(self, prediction: ContactPrediction) -> str | None:
        """Return that it is waited for, or that it is due with the day of the order before it."""
        following = prediction.next_order
        if following is None:
            return None
        return f"{_DUE}{following.last_order_on}" if following.within_7_days >= DUE_CHANCE else _WAITING

    def moves(self, before: LastKnownState, prediction: ContactPrediction, *, same_version: bool) -> bool:  # noqa: ARG002
        """Require another order than the one after which it was due: as days pass it may be due again and again."""
        following = prediction.next_order
        return following is None or before.state != f"{_DUE}{following.last_order_on}"

    def data(self, change: StateChange) -> list[Answer | None]:
        """Return when it is expected; nothing where it is waited for anew."""
        prediction = change.prediction
        if prediction.next_order is None or self.state(prediction) == _WAITING:
            return [None]
        data = NextOrderDue.model_validate(
            {
                "contact_id": change.before.contact_id,
                **prediction.next_order.model_dump(),
                "expected_value": prediction.expected_value,
                "currency": prediction.currency,
                "cutoff": change.answer.cutoff,
                "cause": change.cause,
            }
        )
        return [data]


KINDS: dict[str, StateKind] = {
    "band": BandState(),
    "segment": SegmentState(),
    "slot": SlotState(),
    "due": DueState(),
}
"""By the name in the capability table, `Change.kind`."""


@dataclass(frozen=True, slots=True)
class ComparedModel:
    """The capability and outcome whose predictions are compared, and the champion."""

    line: Capability
    outcome: str
    version: str
    """The champion."""
    promoted_at: Microseconds
    names: Mapping[str, str] = field(default_factory=dict)
    """Names of states, if they have any."""
    place: int = 0
    """Which of the changes in the capability's line is looked at."""

    @property
    def change(self) -> Change | None:
        """Return the kind of change that is looked at; None where the capability reports none."""
        return self.line.changes[self.place] if self.line.changes else None

    @property
    def kept_under(self) -> str:
        """Return the outcome under which last known states are kept; of further changes with their kind behind it."""
        return f"{self.outcome}.{self.line.changes[self.place].kind}" if self.place else self.outcome


class DetectedChanges(NamedTuple):
    """What is to be written in one transaction."""

    states: list[LastKnownState]
    messages: list[Message]


def compare(
    states: Mapping[str, LastKnownState | None],
    answer: ServiceAnswer,
    subject: ComparedModel,
    stale: Collection[str],
) -> DetectedChanges:
    """Compare predictions with the last known states.

    The first state of a contact is stored without a message. The state stays as it is if the status is not `ok`, if the
    answer's cutoff is earlier than the state, or if the version is no longer champion.

    Args:
        states: last known states of existing contacts; None: none is known yet.
        answer: of a service, about these contacts and maybe others.
        subject: capability, outcome and champion.
        stale: contacts with new events.
    """
    changes = DetectedChanges([], [])
    if subject.change is None:
        return changes
    for prediction in answer.predictions:
        if prediction.contact_id is None or prediction.contact_id not in states or prediction.status != "ok":
            continue
        _compare(
            states[prediction.contact_id],
            prediction,
            answer,
            subject,
            subject.change,
            stale=prediction.contact_id in stale,
            into=changes,
        )
    return changes


def _compare(
    before: LastKnownState | None,
    prediction: ContactPrediction,
    answer: ServiceAnswer,
    subject: ComparedModel,
    reported: Change,
    *,
    stale: bool,
    into: DetectedChanges,
) -> None:
    kind = KINDS[reported.kind]
    state, cutoff, version = kind.state(prediction), microseconds(answer.cutoff), answer.model.version
    if state is None or prediction.contact_id is None:
        return
    if before is None:
        into.states.append(
            LastKnownState(
                contact_id=prediction.contact_id,
                capability=subject.line.name,
                outcome=subject.kept_under,
                state=state,
                score=prediction.score,
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
    if state == before.state or not kind.moves(before, prediction, same_version=same_version):
        if not same_version:
            # Its scores are percentiles of another reference: later changes are measured by that.
            into.states.append(before._replace(version=version, score=prediction.score))
        return
    cause: Cause = ("events" if stale else "time") if same_version else "model"
    # A service's clock may be behind the clock that wrote the promotion; the change still counts after it.
    at = cutoff if same_version else max(cutoff, subject.promoted_at)
    into.states.append(
        before._replace(
            state=state,
            score=prediction.score,
            version=version,
            cause=cause,
            previous_state=before.state,
            changed_at=at,
        )
    )
    change = StateChange(
        subject.line, subject.outcome, before, prediction, answer, cause, subject.names.get(before.state)
    )
    for type_, data in zip(reported.message_types, kind.data(change), strict=True):
        if data is None:
            continue
        name = message_id(type_, prediction.contact_id, before.capability, before.outcome, before.state, state, cutoff)
        into.messages.append(Message(name, type_, cutoff, as_data(data), prediction.contact_id, cause))


def message_id(*parts: str | int) -> str:
    """Return the id of a message, made from its content: the same change has the same id.

    >>> message_id("model.promoted", "7") == message_id("model.promoted", "7")
    True
    """
    text = "\n".join(f"{len(str(part))}:{part}" for part in parts)
    return f"msg_{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}"
