"""Foreign JSON read safely: every field is what it must be, or the item is refused with the field's name."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import pydantic_core

from gateway.webhooks.provider import ItemRefused
from shared.errors import BadRequest
from shared.values.addresses import NotAnAddress, read_address

MAX_TEXT_CHARACTERS: Final = 200
MAX_TAGS: Final = 20

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HASHED = re.compile(r"hash:[0-9a-f]{64}")
_NUMBER = re.compile(r"-?[0-9]{1,19}(?:\.[0-9]{1,20})?")


def json_of(body: bytes) -> Any:
    """Read a body as JSON; NaN is let through, for it spoils one item, not the others.

    Raises:
        BadRequest: not UTF-8, not JSON, or nested too deep.
    """
    try:
        return pydantic_core.from_json(body, allow_inf_nan=True)
    except ValueError as error:
        raise BadRequest("The body is not JSON, or is nested too deep.") from error


def listed(read: Any) -> list[Any]:
    """Take a list of items, or one item alone, as a list."""
    return read if isinstance(read, list) else [read]


class Fields:
    """An object of foreign JSON, read field by field.

    >>> Fields({"id": 7, "tag": ""}).text("id"), Fields({"tag": ""}).maybe_text("tag")
    ('7', None)
    """

    def __init__(self, item: Any, path: str = "") -> None:
        """Take an item.

        Args:
            item: as it was read.
            path: where it stands, for what is said of its fields: `event-data.`

        Raises:
            ItemRefused: it is not an object.
        """
        if not isinstance(item, dict):
            raise ItemRefused(f"{path.rstrip('.') or 'The item'} is not a JSON object.")
        self._item: Mapping[str, Any] = item
        self._path = path

    def raw(self, name: str) -> Any:
        """Take a field as it is; None where it is missing."""
        return self._item.get(name)

    def inner(self, name: str) -> "Fields":
        """Read an object inside; where it is missing or null, an empty one.

        Raises:
            ItemRefused: it is something else.
        """
        value = self._item.get(name)
        # PHP writes an empty object as an empty list.
        return Fields({} if value is None or value in ("", []) else value, f"{self._path}{name}.")

    def mapping(self, name: str) -> Mapping[str, Any]:
        """Take an object inside as it is; where it is missing or null, an empty one.

        Raises:
            ItemRefused: it is something else.
        """
        return self.inner(name)._item

    def entries(self, name: str) -> list[Any]:
        """Read a list; where it is missing or null, an empty one.

        Raises:
            ItemRefused: it is something else.
        """
        value = self._item.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._refused(name, "is not a list")
        return value

    def text(self, name: str) -> str:
        """Read a short text that must be there; a whole number counts as its digits.

        Raises:
            ItemRefused: missing, empty, too long, with control characters, or something else.
        """
        found = self.maybe_text(name)
        if found is None:
            raise self._refused(name, "is missing")
        return found

    def maybe_text(self, name: str) -> str | None:
        """Read a short text; None where it is missing, null or empty.

        Raises:
            ItemRefused: too long, with control characters, or something else.
        """
        value = self._item.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**19:
            return str(value)
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        if not isinstance(value, str):
            raise self._refused(name, "is not a text")
        value = value.strip()
        if len(value) > MAX_TEXT_CHARACTERS:
            raise self._refused(name, f"is longer than {MAX_TEXT_CHARACTERS} characters")
        if _CONTROL.search(value):
            raise self._refused(name, "contains control characters")
        return value

    def fact(self, name: str) -> str | None:
        """Read a small fact that nothing hangs on: None where it is not a short text, or holds an address."""
        try:
            found = self.maybe_text(name)
        except ItemRefused:
            return None
        return None if found is None or _names_a_person(found) else found

    def long_text(self, name: str) -> str | None:
        """Read a text of any length that is dropped once it was looked at, such as a user agent."""
        value = self._item.get(name)
        return value if isinstance(value, str) and value else None

    def flag(self, name: str) -> bool:
        """Tell whether a field says yes: true, 1, or these as text."""
        value = self._item.get(name)
        return value is True or (isinstance(value, (int, str)) and str(value).strip().lower() in {"1", "true"})

    def address(self, name: str) -> str:
        """Read an e-mail address, or the `hash:` that stands for one, that must be there.

        Raises:
            ItemRefused: missing, or neither.
        """
        value = self._item.get(name)
        if value is None or value == "":
            raise self._refused(name, "is missing")
        return address_of(value, f"{self._path}{name}")

    def at_seconds(self, name: str) -> datetime:
        """Read an instant in seconds since 1970, whole or not, as a number or as text.

        Raises:
            ItemRefused: missing, or no such instant.
        """
        return self._instant(name, self._number(name))

    def at_milliseconds(self, name: str) -> datetime:
        """Read an instant in milliseconds since 1970.

        Raises:
            ItemRefused: missing, or no such instant.
        """
        return self._instant(name, self._number(name) / 1_000)

    def at_iso(self, name: str) -> datetime:
        """Read an instant in ISO 8601 with a zone.

        Raises:
            ItemRefused: missing, without a zone, or no such instant.
        """
        value = self._item.get(name)
        try:
            at = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            at = None
        if at is None or at.tzinfo is None or not 1970 < at.year <= 2200:
            raise self._refused(name, "is not an ISO 8601 time with a zone")
        return at.astimezone(UTC)

    def own_id(self, name: str) -> str | None:
        """Read an id that the account gave the provider; None where it was an address that is only a hash by now.

        Raises:
            ItemRefused: it is no short text.
        """
        found = self.maybe_text(name)
        return None if found is not None and _HASHED.fullmatch(found) else found

    def link(self, name: str) -> str | None:
        """Read a web address without its query; None where it is missing or leads elsewhere than to the web."""
        return link_of(self._item.get(name))

    def tags(self, name: str) -> list[str]:
        """Read a tag or a list of tags: short texts only, at most 20, none that holds an address."""
        value = self._item.get(name)
        read = [Fields({"tag": one}).fact("tag") for one in listed(value)[:MAX_TAGS]]
        return [tag for tag in read if tag is not None]

    def _number(self, name: str) -> float:
        value = self._item.get(name)
        if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
            return float(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e19:
            return float(value)
        raise self._refused(name, "is missing" if value is None else "is not a number")

    def _instant(self, name: str, seconds: float) -> datetime:
        # Up to the year 2200: what lies beyond is milliseconds taken for seconds.
        if not (math.isfinite(seconds) and 0 < seconds < 7_258_118_400):
            raise self._refused(name, "is not an instant")
        return datetime.fromtimestamp(seconds, UTC)

    def _refused(self, name: str, what: str) -> ItemRefused:
        return ItemRefused(f"{self._path}{name} {what}.")


def address_of(value: Any, name: str) -> str:
    """Read an e-mail address as every entrance does, or the `hash:` that stands for one.

    >>> address_of("Ann <ann@example.com>", "to")
    'ann@example.com'

    Raises:
        ItemRefused: it is neither.
    """
    if isinstance(value, str):
        bare = value.strip()
        if bare.endswith(">") and "<" in bare:
            bare = bare[bare.rindex("<") + 1 : -1].strip()
        if _HASHED.fullmatch(bare):
            return bare
        with suppress(NotAnAddress):
            return read_address(value).email
    raise ItemRefused(f"{name} is not an e-mail address.")


def link_of(value: Any) -> str | None:
    """Take the query, the fragment and any user name off a web address; with an address in its path, all but the host.

    >>> link_of("https://a@shop.example/sale?utm=1#top")
    'https://shop.example/sale'
    >>> link_of("mailto:ann@example.com") is None
    True
    """
    if not isinstance(value, str):
        return None
    try:
        parts = urlsplit(value.strip())
        host = parts.hostname
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not host:
        return None
    origin = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}"
    path = "" if _names_a_person(parts.path) else parts.path
    link = f"{origin}{path}"[:MAX_TEXT_CHARACTERS]
    return None if _CONTROL.search(link) else link


def known(**facts: Any) -> dict[str, Any]:
    """Leave out what was not told.

    >>> known(status=None, tags=[], first=False)
    {'first': False}
    """
    return {name: fact for name, fact in facts.items() if fact is not None and fact != []}


def receipt_of(*parts: str | datetime | None) -> str:
    """Make one id of several parts, for a provider that gives a happening none.

    >>> receipt_of("a", None) == receipt_of("a", None), receipt_of("a", "b") == receipt_of("ab")
    (True, False)
    """
    told = [part.isoformat() if isinstance(part, datetime) else part for part in parts]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _names_a_person(text: str) -> bool:
    return "@" in text or "%40" in text or _HASHED.search(text) is not None
