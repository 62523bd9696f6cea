"""Which fields of a foreign person record are kept as attributes: facts, never what names or finds the person."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from pydantic import TypeAdapter, ValidationError

from gateway.webhooks import notes
from gateway.webhooks.addresses import MAX_TEXT_CHARACTERS
from gateway.webhooks.payload import PayloadReader
from gateway.webhooks.provider import ItemRefused, Recipient
from shared.contracts.contact import Zone
from shared.values.numbers import Number, read_number
from shared.values.personal import by_header
from shared.values.unreadable import Ambiguous, Unreadable
from shared.values.words import event_type, is_missing

MAX_NAME_CHARACTERS: Final = 128
MAX_AMOUNT: Final = 1e12
WORTH: Final = frozenset({"order_placed", "order_refunded", "deal_won", "subscription_started", "subscription_renewed"})
"""Types whose value is money that features sum up."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_FOUND_BY = re.compile(r"@|%40|hash:[0-9a-f]{64}|\+\d[\d\s().-]{6,}|(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
"""Addresses of people and networks, hashed ones too, and telephone numbers."""
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,10})?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_ZONE: TypeAdapter[str] = TypeAdapter(Zone)

Scalar = str | int | float | bool | None


def attributes_of(traits: Mapping[str, Any], *, prefix: str = "") -> dict[str, Scalar]:
    """Return the facts of a person record: texts, numbers, true, false and null.

    Args:
        traits: JSON as it was read.
        prefix: put before each name.

    Returns:
        By name; without what is personal, without prose and without objects and lists.
    """
    kept: dict[str, Scalar] = {}
    for name, value in traits.items():
        full = f"{prefix}{name.strip()}"
        named = (
            name.strip() and len(full) <= MAX_NAME_CHARACTERS and not (_CONTROL.search(full) or _FOUND_BY.search(full))
        )
        if not named:
            if len(full) > MAX_NAME_CHARACTERS:
                notes.left_out(full, "has too long a name")
            continue
        if by_header(name) is not None:
            continue
        if is_fact(value):
            kept[full] = value
        elif (what := _fault(value)) is not None:
            notes.left_out(full, what)
    return kept


def is_fact(value: Any) -> bool:
    """Whether a value may be kept: a short text that identifies nobody, a finite number, true, false or null."""
    if isinstance(value, str):
        return len(value) <= MAX_TEXT_CHARACTERS and not (_CONTROL.search(value) or _FOUND_BY.search(value))
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return abs(value) < 10**18
    return value is None


def _fault(value: Any) -> str | None:
    """Return why a value is no fact; None: it identifies a person, and is left out by rule."""
    if isinstance(value, str):
        if _FOUND_BY.search(value):
            return None
        return "holds control characters" if _CONTROL.search(value) else f"has over {MAX_TEXT_CHARACTERS} characters"
    if isinstance(value, (int, float)):
        return "is too large a number, or none"
    return "is a list or an object"


def read_text(value: str) -> Scalar:
    """Read a value that a CRM writes as text: numbers, true and false, and empty for null.

    >>> read_text("129.5"), read_text("true"), read_text("01234"), read_text("")
    (129.5, True, '01234', None)
    """
    plain = value.strip()
    if plain in {"true", "false"}:
        return plain == "true"
    if _DECIMAL.fullmatch(plain):
        return float(plain) if "." in plain else int(plain)
    return plain or None


class Amount(NamedTuple):
    """What an event is worth."""

    value: float | None = None
    currency: str | None = None
    """From a field of its own, else from beside the number (`49,90 EUR`)."""


def amount(fields: PayloadReader, *names: str, currencies: Sequence[str], type_: str) -> Amount:
    """Read the first of some fields that is there, in any usual spelling of money, and its currency.

    Args:
        fields: where they stand.
        names: of the amount, the most certain first.
        currencies: names of the currency's code.
        type_: of the event. If its value is money, an amount that cannot be read refuses the item; else the amount is
            left out with a note.

    Raises:
        ItemRefused: see above.
    """
    code = currency(fields, *currencies)
    for name in names:
        value = fields.raw(name)
        if value is None or (isinstance(value, str) and is_missing(value)):
            continue
        try:
            read = _money(value)
        except Unreadable as error:
            what = "may be two numbers" if isinstance(error, Ambiguous) else "is not an amount"
            if type_ in WORTH:
                raise ItemRefused(f"{fields.path}{name} {what}.") from error
            fields.left_out(name, what)
            continue
        return Amount(float(read.value), code or read.currency)
    return Amount(None, code)


def _money(value: Any) -> Number:
    if isinstance(value, str):
        read = read_number(value)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        read = Number(value)
    else:
        raise Unreadable("It is not a number.")
    if read.percent or not abs(read.value) <= MAX_AMOUNT:
        raise Unreadable("It is not an amount.")
    return read


def currency(fields: PayloadReader, *names: str) -> str | None:
    """Read the first of some fields that is there: a currency's code of three letters, in any case."""
    for name in names:
        value = fields.raw(name)
        if is_missing(value):
            continue
        if isinstance(value, str) and _CURRENCY.fullmatch(value.strip().upper()):
            return value.strip().upper()
        fields.left_out(name, "is not a currency's code of three letters")
    return None


def event_type_of(name: str) -> str:
    """Return our event type for a foreign event's name.

    >>> event_type_of("Order Completed")
    'order_placed'

    Raises:
        ItemRefused: it cannot be a name, or it names a person.
    """
    try:
        return event_type(name)
    except Unreadable as error:
        raise ItemRefused(str(error)) from error


def zone(fields: PayloadReader, name: str) -> str | None:
    """Read an IANA time zone; None where it is missing or none."""
    value = fields.raw(name)
    if is_missing(value):
        return None
    try:
        return _ZONE.validate_python(value.strip() if isinstance(value, str) else value)
    except ValidationError:
        fields.left_out(name, "is not an IANA time zone")
        return None


def recipient(fields: PayloadReader, own_id: str, *, email: str | None, **others: str | None) -> Recipient:
    """Return the recipient that the account itself names by an id.

    An account may use addresses as ids: in a dead letter only the hash of such an id is left.

    Args:
        fields: with the id.
        own_id: the field's name.
        email: the address beside it.
        others: what else is known, by the names of `Recipient`.

    Raises:
        ItemRefused: nothing is known.
    """
    text, kept = fields.maybe_text(own_id), fields.own_id(own_id)
    found = Recipient(contact_id=kept, email=email or (text if kept is None else None), **others)
    if found == Recipient():
        raise ItemRefused("It names nobody: there is no id and no address.")
    return found


def maybe_address(fields: PayloadReader, name: str) -> str | None:
    """Read an e-mail address, or the hash of one; None where it is missing or neither."""
    if is_missing(fields.raw(name)):
        return None
    try:
        return fields.address(name)
    except ItemRefused:
        fields.left_out(name, "is not an e-mail address")
        return None
