"""What a prediction changes: the new standing, and the messages that tell of it. Pure."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from shared.capabilities import Capability
from shared.contracts.message import Cause, Message, as_data
from shared.contracts.rows import Microseconds, microseconds
from shared.standing.answered import Answered, Foreseen
from shared.standing.kinds import KINDS, Change
from shared.standing.rows import Standing


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
