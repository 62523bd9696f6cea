"""What of a foreign description of a person may be kept as attributes: facts, never what names or finds the person."""

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from gateway.webhooks.incoming import Recipient
from gateway.webhooks.provider import ItemRefused
from gateway.webhooks.reading import MAX_TEXT_CHARACTERS, Fields, address_of
from shared.contracts.contact import Zone
from shared.values.naming import event_type
from shared.values.personal import by_header
from shared.values.unreadable import Unreadable

MAX_NAME_CHARACTERS: Final = 128

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_FOUND_BY = re.compile(r"@|%40|hash:[0-9a-f]{64}|\+\d[\d\s().-]{6,}|(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
"""Addresses of people and networks, hashed ones too, and telephone numbers."""
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,10})?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_ZONE: TypeAdapter[str] = TypeAdapter(Zone)

Scalar = str | int | float | bool | None


def attributes_of(traits: Mapping[str, Any], *, prefix: str = "") -> dict[str, Scalar]:
    """Keep the facts of a description: texts, numbers, true, false and null.

    Args:
        traits: JSON as it was read.
        prefix: put before each name.

    Returns:
        By name; without what is personal, without prose and without objects and lists.
    """
    kept: dict[str, Scalar] = {}
    for name, value in traits.items():
        told = f"{prefix}{name.strip()}"
        named = (
            name.strip() and len(told) <= MAX_NAME_CHARACTERS and not (_CONTROL.search(told) or _FOUND_BY.search(told))
        )
        if named and by_header(name) is None and is_fact(value):
            kept[told] = value
    return kept


def is_fact(value: Any) -> bool:
    """Tell whether a value may be kept: a short text that leads to nobody, a finite number, true, false or null."""
    if isinstance(value, str):
        return len(value) <= MAX_TEXT_CHARACTERS and not (_CONTROL.search(value) or _FOUND_BY.search(value))
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return abs(value) < 10**18
    return value is None


def read_text(value: str) -> Scalar:
    """Read what a CRM writes as text: numbers, true and false, and empty for null.

    >>> read_text("129.5"), read_text("true"), read_text("01234"), read_text("")
    (129.5, True, '01234', None)
    """
    plain = value.strip()
    if plain in {"true", "false"}:
        return plain == "true"
    if _DECIMAL.fullmatch(plain):
        return float(plain) if "." in plain else int(plain)
    return plain or None


def amount(fields: Fields, *names: str) -> float | None:
    """Read the first of some fields that is an amount; text counts where it is a plain decimal number."""
    for name in names:
        value = fields.raw(name)
        if isinstance(value, str) and _DECIMAL.fullmatch(value.strip()):
            value = float(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= 1e12:
            return float(value)
    return None


def currency(fields: Fields, *names: str) -> str | None:
    """Read the first of some fields that is a currency's code of three letters."""
    for name in names:
        value = fields.raw(name)
        if isinstance(value, str) and _CURRENCY.fullmatch(value.strip().upper()):
            return value.strip().upper()
    return None


def event_type_of(name: str) -> str:
    """Write a foreign event's name in our words.

    >>> event_type_of("Order Completed")
    'order_placed'

    Raises:
        ItemRefused: nothing of it can be a name, or it names a person.
    """
    try:
        return event_type(name)
    except Unreadable as error:
        raise ItemRefused(str(error)) from error


def zone(value: Any) -> str | None:
    """Read an IANA time zone; None for what is none."""
    try:
        return _ZONE.validate_python(value) if isinstance(value, str) else None
    except ValidationError:
        return None


def recipient(fields: Fields, own_id: str, *, email: str | None, **others: str | None) -> Recipient:
    """Say who it is that the account itself calls by an id.

    An account may use addresses as ids: in a dead letter such an id is only a hash by now, and is the address.

    Args:
        fields: where the id stands.
        own_id: the field's name.
        email: the address that is told beside it.
        others: what else is known, by the names of `Recipient`.

    Raises:
        ItemRefused: nothing is known.
    """
    told, kept = fields.maybe_text(own_id), fields.own_id(own_id)
    found = Recipient(contact_id=kept, email=email or (told if kept is None else None), **others)
    if found == Recipient():
        raise ItemRefused("It names nobody: there is no id and no address.")
    return found


def maybe_address(value: Any) -> str | None:
    """Read an e-mail address, or the hash of one; None for what is neither."""
    try:
        return address_of(value, "email")
    except ItemRefused:
        return None
