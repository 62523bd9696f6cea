"""From the wire to the query of the model."""

from services.sendtime.model.local_week import SendRules
from services.sendtime.model.query import SendTimeQuery
from services.sendtime.schemas import SendTimeRequest
from shared.contracts.rows import Microseconds, microseconds
from shared.contracts.send_rules import SendRulesRequest

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
    not_before, not_after = request.window.bounds(cutoff)
    quiet = request.quiet_hours
    return SendRules(
        not_before=not_before,
        not_after=not_after,
        quiet_from=None if quiet == "off" else _minute(quiet.from_),
        quiet_to=0 if quiet == "off" else _minute(quiet.to),
        weekdays=frozenset(_WEEKDAYS.index(name) for name in request.weekdays),
    )


def _minute(clock: str) -> int:
    """Count the minutes since midnight.

    >>> _minute("21:30")
    1290
    """
    return int(clock[:2]) * 60 + int(clock[3:])
