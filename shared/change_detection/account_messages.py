"""Messages about an account as a whole: a round that ended, a version that answers, data that does not suffice."""

from collections.abc import Mapping, Sequence

from shared.capabilities import Capability
from shared.change_detection.compare import ComparedModel, message_id
from shared.change_detection.states import StateMove
from shared.contracts.defaults import STALE_DAYS
from shared.contracts.message import (
    BatchCompleted,
    BatchJobCompleted,
    DataInsufficient,
    DriftFinding,
    Message,
    ModelDriftDetected,
    ModelPromoted,
    ModelQualityDropped,
    ModelTrainingFailed,
    as_data,
)
from shared.contracts.model_quality import VersionQuality
from shared.contracts.rows import DAY, Microseconds

MOST_FINDINGS = 100


def batch_completed(subject: ComparedModel, *, contacts: int, began: Microseconds, ended: Microseconds) -> Message:
    """Return the message that every contact was scored.

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


def batch_job_completed(
    batch_id: str,
    capabilities: Sequence[str],
    *,
    contacts: int,
    began: Microseconds,
    ended: Microseconds,
    error: str | None = None,
) -> Message:
    """Return the message that a batch which was asked for has ended.

    Args:
        batch_id: which one.
        capabilities: its questions.
        contacts: how many were answered.
        began: when work on it began.
        ended: now.
        error: code of why it failed; None: it did not.
    """
    data = BatchJobCompleted(
        batch_id=batch_id,
        status="completed" if error is None else "failed",
        capabilities=list(capabilities),
        contacts=contacts,
        seconds=round(max(0, ended - began) / 1_000_000, 3),
        error=error,
    )
    return Message(message_id("batch_job.completed", batch_id), "batch_job.completed", ended, as_data(data))


def model_promoted(
    subject: ComparedModel,
    previous_version: str | None,
    grade: str,
    *,
    contacts: int,
    moves: Sequence[StateMove],
    at: Microseconds,
) -> Message:
    """Return the message that another version answers, with the contacts whose state it changed.

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


def drift_detected(
    subject: ComparedModel, detail: str, *, findings: Sequence[DriftFinding], contacts: int, at: Microseconds
) -> Message:
    """Return the message that the version that answers has drifted; the same findings are the same message.

    Args:
        subject: capability, outcome and champion.
        detail: what has drifted, in a sentence.
        findings: that were not reported before.
        contacts: how many were looked at.
        at: now.
    """
    line, outcome = subject.line.name, subject.outcome
    data = ModelDriftDetected(
        capability=line,
        outcome=outcome or None,
        version=subject.version,
        detail=detail,
        findings=list(findings[:MOST_FINDINGS]),
        contacts=contacts,
    )
    named = [one.feature or "" for one in findings]
    name = message_id("model.drift_detected", line, outcome, subject.version, *named)
    return Message(name, "model.drift_detected", at, as_data(data))


def quality_dropped(
    line: str, outcome: str, measured: VersionQuality, *, promised: float, at: Microseconds
) -> Message | None:
    """Return the message that a version is worse than promised; None: nothing was compared.

    Args:
        line: name of the capability.
        outcome: empty where the capability has none.
        measured: of the version.
        promised: the skill of its test.
        at: now.
    """
    live = measured.live
    if live is None or live.skill_over_constant.value is None:
        return None
    data = ModelQualityDropped(
        capability=line,
        outcome=outcome or None,
        version=measured.version,
        detail=measured.text,
        predictions=live.predictions,
        promised_skill=promised,
        live_skill=live.skill_over_constant.value,
    )
    name = message_id("model.quality_dropped", line, outcome, measured.version)
    return Message(name, "model.quality_dropped", at, as_data(data))


def model_training_failed(
    model: tuple[str, str], training_id: str, requested_by: str, error: Mapping[str, str], *, at: Microseconds
) -> Message:
    """Return the message that a training failed.

    Args:
        model: capability, and outcome, empty where the capability has none.
        training_id: of its command; makes the id.
        requested_by: who asked for it.
        error: code and detail.
        at: now.
    """
    capability, outcome = model
    data = ModelTrainingFailed(
        capability=capability,
        outcome=outcome or None,
        training_id=training_id,
        requested_by=requested_by,
        code=error["code"],
        detail=error["detail"],
    )
    return Message(message_id("model.training_failed", training_id), "model.training_failed", at, as_data(data))


def data_insufficient(
    line: Capability, outcome: str, detail: str, *, counts: Mapping[str, object], at: Microseconds, about: str
) -> Message:
    """Return the message that there is too little data to train; the same message for the whole day (UTC).

    Args:
        line: of the capability table.
        outcome: empty where the capability has none.
        detail: what is missing and what would help.
        counts: by name; only whole numbers are kept.
        at: now.
        about: the finding; the same finding on the same day is the same message.
    """
    data = DataInsufficient(
        capability=line.name,
        outcome=outcome or None,
        detail=detail,
        counts={name: count for name, count in counts.items() if type(count) is int},
    )
    return Message(message_id("data.insufficient", about, at // DAY), "data.insufficient", at, as_data(data))


def stale_events_message(subject: ComparedModel, newest_event_at: Microseconds | None, *, at: Microseconds) -> Message:
    """Return the message that the newest event is so old that answers say `stale_events`; one a day for the account.

    Args:
        subject: whose answers show it.
        newest_event_at: of the account.
        at: now.
    """
    days = None if newest_event_at is None else (at - newest_event_at) // DAY
    detail = (
        f"The newest event is older than {STALE_DAYS} days, so every answer stands on old data. "
        "Check that what sends events still runs."
    )
    counts = {"days_since_newest_event": days, "stale_after_days": STALE_DAYS}
    return data_insufficient(subject.line, subject.outcome, detail, counts=counts, at=at, about="stale_events")
