"""From the wire to the query of the model, and from its advice back to the wire."""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from services.sendtime.model.local_week import SendRules
from services.sendtime.model.query import Advice, SendOption, SendTimeQuery, When
from services.sendtime.schemas import SendTimeRequest
from shared.contracts.rows import DAY, Microseconds, instant_of, microseconds
from shared.contracts.send_rules import MOST_DAYS, SendRulesRequest
from shared.errors import BadRequest

DEFAULT_DAYS = 7
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MINUTES = {"hour": 60, "30min": 30, "15min": 15, "5min": 5}


def query_of(request: SendTimeRequest, cutoff: Microseconds) -> SendTimeQuery:
    """Resolve a request at its cutoff.

    Raises:
        BadRequest: the window spans more than 14 days.
    """
    return SendTimeQuery(
        rules=allowed_by(request, cutoff),
        engagement=request.engagement,
        campaign=request.campaign_id,
        default_send_at=None if request.default_send_at is None else microseconds(request.default_send_at),
        minutes=_MINUTES[request.granularity],
        alternatives=request.top - 1,
        reasons=request.reasons_requested,
        week=request.week,
    )


def allowed_by(request: SendRulesRequest, cutoff: Microseconds) -> SendRules:
    """Resolve window, quiet hours and weekdays; nothing is sent before the cutoff.

    Raises:
        BadRequest: the window spans more than 14 days.
    """
    window = request.window
    not_before = cutoff if window.not_before is None else max(cutoff, microseconds(window.not_before))
    not_after = not_before + DEFAULT_DAYS * DAY if window.not_after is None else microseconds(window.not_after)
    if not_after - not_before > MOST_DAYS * DAY:
        sentence = f"A window spans at most {MOST_DAYS} days from the cutoff."
        raise BadRequest(sentence, errors=[{"pointer": "/window", "detail": sentence}])
    quiet = request.quiet_hours
    return SendRules(
        not_before=not_before,
        not_after=not_after,
        quiet_from=None if quiet == "off" else _minute(quiet.from_),
        quiet_to=0 if quiet == "off" else _minute(quiet.to),
        weekdays=frozenset(_WEEKDAYS.index(name) for name in request.weekdays),
    )


def prediction_fields(advice: Advice | None) -> Mapping[str, Any]:
    """Write the capability's own fields of one prediction; all empty where there is none."""
    if advice is None or advice.best is None:
        return {
            "send_at": None,
            "activity_share": None,
            "lift": None,
            "basis": None,
            "confidence": None,
            "engagement": None,
            "alternatives": [],
            "at_default": None,
            "week": None,
            "experiment": None,
        }
    return {
        "send_at": send_at(advice.best.when),
        "activity_share": advice.best.activity_share,
        "lift": advice.lift,
        "basis": advice.basis,
        "confidence": advice.confidence,
        "engagement": advice.engagement,
        "alternatives": [_option(option) for option in advice.alternatives],
        "at_default": None if advice.at_default is None else _option(advice.at_default),
        "week": advice.week,
        "experiment": None
        if advice.draw is None
        else {"campaign_id": advice.draw.campaign, "arm": advice.draw.arm, "propensity": advice.draw.propensity},
    }


def send_at(when: When) -> dict[str, Any]:
    """Write an instant with the contact's clock."""
    at = instant_of(when.at)
    return {"utc": at, "local": _local(at, when.local_at - when.at), "timezone": when.zone}


def _local(at: datetime, offset: Microseconds) -> datetime:
    return at.astimezone(timezone(timedelta(microseconds=offset)))


def _option(option: SendOption) -> dict[str, Any]:
    return {
        "send_at": send_at(option.when),
        "probability": option.probability,
        "activity_share": option.activity_share,
    }


def _minute(clock: str) -> int:
    """Count the minutes since midnight.

    >>> _minute("21:30")
    1290
    """
    return int(clock[:2]) * 60 + int(clock[3:])
