"""Messages about an account as a whole: a round that ended, a version that answers, data that does not suffice."""

from collections.abc import Mapping, Sequence

from shared.capabilities import Capability
from shared.contracts.defaults import STALE_DAYS
from shared.contracts.message import BatchCompleted, DataInsufficient, Message, ModelPromoted, as_data
from shared.contracts.rows import DAY, Microseconds
from shared.standing.comparing import Subject, message_id
from shared.standing.rows import Move


def completed(subject: Subject, *, contacts: int, began: Microseconds, ended: Microseconds) -> Message:
    """Tell that every contact was scored.

    Args:
        subject: capability, outcome and champion.
        contacts: how many.
        began: when; makes the id.
        ended: now.
    """
    line, outcome = subject.line.name, subject.outcome
    data = BatchCompleted(
        capability=line,
        outcome=outcome or None,
        contacts=contacts,
        seconds=round(max(0, ended - began) / 1_000_000, 3),
        version=subject.version,
    )
    name = message_id("batch.completed", line, outcome, subject.version, began)
    return Message(name, "batch.completed", ended, as_data(data))


def promoted(
    subject: Subject,
    previous_version: str | None,
    grade: str,
    *,
    contacts: int,
    moves: Sequence[Move],
    at: Microseconds,
) -> Message:
    """Tell that another version answers, and whom that alone moved.

    Args:
        subject: capability, outcome and champion.
        previous_version: None: it is the first.
        grade: of the champion.
        contacts: how many it scored.
        moves: counted.
        at: now.
    """
    line, outcome = subject.line.name, subject.outcome
    data = ModelPromoted.model_validate(
        {
            "capability": line,
            "outcome": outcome or None,
            "version": subject.version,
            "previous_version": previous_version,
            "grade": grade,
            "contacts": contacts,
            "moved": [{"from": one.before, "to": one.after, "contacts": one.contacts} for one in moves],
        }
    )
    name = message_id("model.promoted", line, outcome, subject.version, subject.promoted_at)
    return Message(name, "model.promoted", at, as_data(data), cause="model")


def insufficient(
    line: Capability, outcome: str, detail: str, *, counts: Mapping[str, object], at: Microseconds, about: str
) -> Message:
    """Tell that there is too little to learn from; once a day (UTC), however often it is found.

    Args:
        line: of the capability table.
        outcome: empty where the capability has none.
        detail: what is missing and what would help.
        counts: what is counted; what is no whole number is left out.
        at: now.
        about: what makes it the same finding as an earlier one of the day.
    """
    data = DataInsufficient(
        capability=line.name,
        outcome=outcome or None,
        detail=detail,
        counts={name: count for name, count in counts.items() if type(count) is int},
    )
    return Message(message_id("data.insufficient", about, at // DAY), "data.insufficient", at, as_data(data))


def stale_events(subject: Subject, newest_event_at: Microseconds | None, *, at: Microseconds) -> Message:
    """Tell that nothing new came for so long that answers say `stale_events`; once a day for the account.

    Args:
        subject: which answers said so.
        newest_event_at: of the account.
        at: now.
    """
    days = None if newest_event_at is None else (at - newest_event_at) // DAY
    detail = (
        f"The newest event is older than {STALE_DAYS} days, so every answer stands on old data. "
        "Check that what sends events still runs."
    )
    counts = {"days_since_newest_event": days, "stale_after_days": STALE_DAYS}
    return insufficient(subject.line, subject.outcome, detail, counts=counts, at=at, about="stale_events")
