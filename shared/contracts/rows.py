"""The records that ingestion hands to the store: plain, validated, cheap by the million; and what a value may be.

Instants are integers: microseconds since 1970-01-01T00:00:00Z. They read into numpy without parsing, compare
the same on every database, and cannot be naive.

A number lies within what all readers keep exactly: JSON clients, orjson, numpy, PostgreSQL and SQLite (RFC 8259,
section 6; RFC 7493, section 2.2). A text is valid Unicode without NUL, which PostgreSQL cannot keep.
"""

import hashlib
import hmac
import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import orjson

Microseconds = int
SECOND: Microseconds = 1_000_000
HOUR: Microseconds = 3_600 * SECOND
DAY: Microseconds = 86_400 * SECOND
WEEK: Microseconds = 7 * DAY
MAX_AHEAD: Microseconds = DAY
"""How far after its recording something may lie: clocks and time zones are wrong at times."""
ALWAYS: Microseconds = -(2**62)
"""`valid_from` of a value that holds at any cutoff (a static attribute)."""


TAKEN_AWAY = ""
"""Text of a contact that is known no longer; None would leave what is stored."""


class EventRow(NamedTuple):
    """A dated fact about a contact; never changes. Field order is the order of the store's columns."""

    contact_id: str
    event_id: str
    """The given id, else `~` and a hash of everything that distinguishes two facts; unique per contact."""
    type: str
    occurred_at: Microseconds
    recorded_at: Microseconds
    value: float | None = None
    currency: str | None = None
    message_id: str | None = None
    campaign_id: str | None = None
    item: str | None = None
    properties: str | None = None
    """A JSON object as text, or None."""
    human: int | None = None
    """1 a person, 0 a machine, None unknown."""


class AttributeRow(NamedTuple):
    """One value of one attribute and the instant from which it holds."""

    name: str
    value: Any
    """A JSON scalar: str, int, float, bool or None."""
    valid_from: Microseconds | None
    """None: undated; the store puts the contact's `created_at` and marks the value as not dated."""


class ContactRow(NamedTuple):
    """What one import line or one PUT says about a contact; None leaves what is stored as it is."""

    contact_id: str
    created_at: Microseconds | None = None
    timezone: str | None = None
    """`TAKEN_AWAY`: none from now on."""
    consent: dict[str, str] | None = None
    """For example {"profiling": "denied"}."""
    email_hash: str | None = None
    """Keyed hash of the normalised address; the address itself is never kept."""
    attributes: tuple[AttributeRow, ...] = ()


class ItemChange(NamedTuple):
    """What a PUT, or a line of a file, says of an item of the catalogue."""

    item_id: str
    """As the `item` of an event."""
    fields: Mapping[str, Any]
    """By name; what is left out stays as it is, and of a new item becomes its default; None takes it away."""


def consent_of(text: str | None) -> Mapping[str, str]:
    """Read a stored consent; none stored is an empty one."""
    return json.loads(text) if text else {}


def denies_profiling(consent: Mapping[str, str]) -> bool:
    """Whether a contact refused to be learned from and predicted: the one rule, for training and for serving."""
    return consent.get("profiling") == "denied"


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(instant: datetime) -> Microseconds:
    """Count the microseconds since 1970.

    >>> microseconds(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    return (instant - _EPOCH) // _MICROSECOND


def whole_weeks(at: Microseconds) -> int:
    """Count whole weeks from 1970 to an instant, towards 0 as SQL divides.

    >>> whole_weeks(8 * DAY), whole_weeks(-6 * DAY), whole_weeks(-8 * DAY)
    (1, 0, -1)
    """
    return at // WEEK if at >= 0 else -(-at // WEEK)


def recording_instant(now: datetime) -> Microseconds:
    """Return an instant at which something is recorded as it comes: an even number; odd ones are those of imports.

    >>> recording_instant(datetime(1970, 1, 1, 0, 0, 1, 7, tzinfo=UTC))
    1000006
    """
    return microseconds(now) & ~1


def now_us() -> Microseconds:
    """Read the clock: the instant at which something is recorded now."""
    return recording_instant(datetime.now(UTC))


def import_instant(at: Microseconds) -> Microseconds:
    """Return an instant at which nothing but an import records: what has it, and nothing else, the import stored.

    >>> import_instant(1_000_006)
    1000007
    """
    return at | 1


def instant_of(at: Microseconds) -> datetime:
    """Return the aware instant; multiplication of integers, so nothing is rounded.

    >>> instant_of(1_000_001)
    datetime.datetime(1970, 1, 1, 0, 0, 1, 1, tzinfo=datetime.timezone.utc)
    """
    return _EPOCH + timedelta(microseconds=at)


def instant_or_none(at: Microseconds | None) -> datetime | None:
    """Return the instant, or None for none."""
    return None if at is None else instant_of(at)


SHARED_BY = 3
"""An address that so many contacts have is no person's: by it alone nobody is recognised."""
_BORN = {"email": "e-", "external": "x-", "anonymous": "a-"}


def born_id(identity: tuple[str, str]) -> str:
    """Make the id of a contact of whom only an identity is known.

    >>> born_id(("email", "0123456789abcdef0123456789"))
    'e-0123456789abcdef0123'
    """
    kind, key_hash = identity
    return _BORN[kind.partition(":")[0]] + key_hash[:20]


def contact_hash(contact_id: str, key: bytes) -> str:
    """Hash a contact's id so that only who has the key can recognise it.

    Args:
        contact_id: letter by letter as it was sent.
        key: the installation's identity key.

    Returns:
        HMAC-SHA256, 64 hexadecimal digits.
    """
    return hmac.new(key, contact_id.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


MAX_NUMBER: Final = 2**53 - 1
MAX_TEXT_CHARACTERS: Final = 2_000
MAX_NAME_CHARACTERS: Final = 128
MAX_ATTRIBUTES: Final = 500
MAX_PROPERTIES: Final = 200
MAX_PROPERTIES_CHARACTERS: Final = 20_000
MAX_DEPTH: Final = 16
"""Objects and lists inside one another in `properties`."""

_NUMBER: Final = (
    f"a number lies between -{MAX_NUMBER:,} and {MAX_NUMBER:,}; send longer ones, such as order numbers, as text"
)
_NAN: Final = "must be a finite number"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_NO_SCALAR: Final = "must be a string, a number, true, false or null"

REPEATED: Final = type("Repeated", (), {"__repr__": lambda _: "REPEATED", "__slots__": ()})()
"""Stands for the value of a name that an object gives twice; no field takes it."""
NAMED_TWICE: Final = "This name is given twice in one object; give it once."


class OutOfBounds(ValueError):
    """A value that some reader could not read."""

    def __init__(self, reason: str, place: tuple[str | int, ...] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.place = place
        """Names and numbers that lead to it from where was looked."""


def scalar(value: Any) -> Any:
    """Check a JSON scalar, as attributes have.

    Returns:
        The value itself.

    Raises:
        OutOfBounds: it is none, or too long, or some reader could not read it.

    >>> scalar(2**53 - 1), scalar("Paris"), scalar(None)
    (9007199254740991, 'Paris', None)
    """
    if isinstance(value, str) and len(value) > MAX_TEXT_CHARACTERS:
        raise OutOfBounds(f"at most {MAX_TEXT_CHARACTERS:,} characters")
    if isinstance(value, (dict, list)):
        raise OutOfBounds(_NO_SCALAR)
    reason = _fault(value)
    if reason:
        raise OutOfBounds(reason)
    return value


def readable(value: str) -> str:
    """Check a text alone, as `scalar` does.

    Raises:
        OutOfBounds: it is no Unicode, or holds NUL.
    """
    reason = _fault(value)
    if reason:
        raise OutOfBounds(reason)
    return value


def no_control(value: str) -> str:
    """Check a name or an id.

    Raises:
        OutOfBounds: it holds control characters.
    """
    # Most texts are printable throughout, which is many times cheaper to ask.
    if not value.isprintable() and _CONTROL.search(value):
        raise OutOfBounds("must not contain control characters")
    return value


def json_object(value: dict[str, Any]) -> dict[str, Any]:
    """Check a JSON object, as `properties` are: its depth, its size, and every value and name in it.

    Raises:
        OutOfBounds: says what is wrong and where.
    """
    _check(value, (), MAX_DEPTH)
    if len(json.dumps(value, separators=(",", ":"))) > MAX_PROPERTIES_CHARACTERS:
        raise OutOfBounds(f"at most {MAX_PROPERTIES_CHARACTERS:,} characters of JSON")
    return value


def are_plain(values: Sequence[Any]) -> bool:
    r"""Whether each is what `scalar` takes; False too where only a look at each could say so.

    >>> are_plain([1, None, "Paris", True]), are_plain(["two\nlines"]), are_plain([float("nan")])
    (True, False, False)
    """
    kinds = frozenset(map(type, values))
    if not kinds <= _SCALARS:
        return False
    texts, numbers = _of_kinds(values, kinds, _TEXTS), _of_kinds(values, kinds, _NUMBERS)
    within = not numbers or (
        min(numbers) >= -MAX_NUMBER and max(numbers) <= MAX_NUMBER and not math.isnan(sum(numbers))
    )
    return within and max(map(len, texts), default=0) <= MAX_TEXT_CHARACTERS and "".join(texts).isprintable()


_TEXTS, _NUMBERS = frozenset({str}), frozenset({int, float})
_SCALARS: Final = _TEXTS | _NUMBERS | {bool, type(None)}


def _of_kinds(values: Sequence[Any], present: frozenset[type], wanted: frozenset[type]) -> Sequence[Any]:
    if present <= wanted:
        return values
    return () if present.isdisjoint(wanted) else [one for one in values if one.__class__ in wanted]


def read_scalar(text: str) -> tuple[Any, bool]:
    """Read a stored scalar; one that was taken in before there were bounds, and breaks them, is missing.

    Args:
        text: JSON.

    Returns:
        The value, and whether it could be read; one that could not is None.

    >>> read_scalar("12"), read_scalar("9" * 309)
    ((12, True), (None, False))
    """
    try:
        return scalar(orjson.loads(text)), True
    except ValueError:
        return None, False


def _check(value: Any, place: tuple[str | int, ...], depth: int) -> None:
    if not isinstance(value, (dict, list)):
        reason = _fault(value)
        if reason:
            raise OutOfBounds(reason, place)
        return
    if depth == 0:
        raise OutOfBounds(f"at most {MAX_DEPTH} objects and lists inside one another", place)
    for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
        reason = _fault(name)
        if reason:
            raise OutOfBounds(reason, place)
        _check(inner, (*place, name), depth - 1)


def _fault(value: Any) -> str | None:
    """Say what is wrong with a value that is no object and no list; None: nothing."""
    if isinstance(value, str):
        return None if value.isprintable() else _fault_of_text(value)  # most are, half a surrogate pair is not
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return None if -MAX_NUMBER <= value <= MAX_NUMBER else _NAN if value != value else _NUMBER
    return NAMED_TWICE if value is REPEATED else _NO_SCALAR


def _fault_of_text(value: str) -> str | None:
    if "\x00" in value:
        return "text must not contain the character NUL"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "text must be valid Unicode, without half a surrogate pair"
    return None
