"""The wire types of what comes in: contacts and events, validated one by one."""

import math
from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from shared.contracts.outcome import EventType

MAX_EVENTS_PER_CONTACT = 5_000
MAX_ATTRIBUTES = 500


def _known_zone(name: str) -> str:
    if name not in _zones():
        raise ValueError("not an IANA time zone such as Europe/Paris")
    return name


_ZONES: set[str] = set()


def _zones() -> set[str]:
    if not _ZONES:
        _ZONES.update(available_timezones())
    return _ZONES


def zone(name: str) -> ZoneInfo:
    """Open a zone that was validated before."""
    return ZoneInfo(name)


def _no_timestamp_number(value: Any) -> Any:
    if isinstance(value, (int, float)):
        raise ValueError("give an ISO 8601 time with a zone, such as 2026-06-01T09:30:00Z")  # noqa: TRY004
    return value


def _in_range(value: datetime) -> datetime:
    if not 1900 <= value.astimezone(UTC).year <= 2200:
        raise ValueError("the year must lie between 1900 and 2200")
    return value


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("must be a finite number")
    return value


def _scalar(value: Any) -> Any:
    if isinstance(value, float):
        return _finite(value)
    if isinstance(value, str) and len(value) > 2_000:
        raise ValueError("at most 2,000 characters")
    if value is None or isinstance(value, (str, int, bool)):
        return value
    raise ValueError("must be a string, a number, true, false or null")


def _no_control(value: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise ValueError("must not contain control characters")
    return value


ContactId = Annotated[
    str, StringConstraints(min_length=1, max_length=200, strict=True), AfterValidator(_no_control)
]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=200, strict=True), AfterValidator(_no_control)]
Zone = Annotated[str, AfterValidator(_known_zone)]
Instant = Annotated[
    datetime, BeforeValidator(_no_timestamp_number), AwareDatetime, AfterValidator(_in_range)
]
Scalar = Annotated[Any, AfterValidator(_scalar)]
AttributeName = Annotated[
    str, StringConstraints(min_length=1, max_length=128, strict=True), AfterValidator(_no_control)
]
