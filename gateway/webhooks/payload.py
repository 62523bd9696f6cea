"""Read a foreign payload safely: every field has the type it must have, or the item is refused with the field's name.

An optional field that is there but cannot be read is noted, so that nothing is left out in silence. What is left out
because it names a person is not noted: that is the rule and not a mistake.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from gateway.webhooks import notes
from gateway.webhooks.addresses import CONTROL, HASHED, MAX_TEXT_CHARACTERS, address_of, link_of, names_a_person
from gateway.webhooks.provider import ItemRefused
from shared.values.instants import read_instant
from shared.values.unreadable import Unreadable
from shared.values.words import is_missing

MAX_TAGS: Final = 20

_NUMBER = re.compile(r"-?[0-9]{1,19}(?:\.[0-9]{1,20})?")
_YES: Final = frozenset({"1", "true", "yes"})
_NO: Final = frozenset({"0", "false", "no"})
_LATEST_IN_SECONDS: Final = 100_000_000_000
"""A larger number is milliseconds: as seconds it would be the year 5138."""
_LATEST_IN_MILLISECONDS: Final = 100_000_000_000_000


def as_list(read: Any) -> list[Any]:
    """Return a list of items, or one item alone, as a list."""
    return read if isinstance(read, list) else [read]


class PayloadReader:
    """An object of foreign JSON, read field by field.

    >>> PayloadReader({"id": 7, "tag": ""}).text("id"), PayloadReader({"tag": ""}).maybe_text("tag")
    ('7', None)
    """

    def __init__(self, item: Any, path: str = "") -> None:
        """Wrap an item.

        Args:
            item: as it was read.
            path: of the item, put before the names of its fields in messages: `event-data.`

        Raises:
            ItemRefused: it is not an object.
        """
        if not isinstance(item, dict):
            raise ItemRefused(f"{path.rstrip('.') or 'The item'} is not a JSON object.")
        self._item: Mapping[str, Any] = item
        self._path = path

    @property
    def path(self) -> str:
        """Path of the object, as it is put before the names of its fields."""
        return self._path

    def raw(self, name: str) -> Any:
        """Return a field as it is; None if it is missing."""
        return self._item.get(name)

    def inner(self, name: str) -> "PayloadReader":
        """Read an object inside; where it is missing or null, an empty one.

        Raises:
            ItemRefused: it is something else.
        """
        value = self._item.get(name)
        # PHP writes an empty object as an empty list.
        return PayloadReader({} if value is None or value in ("", []) else value, f"{self._path}{name}.")

    def mapping(self, name: str) -> Mapping[str, Any]:
        """Return an inner object as it is; an empty one if it is missing or null.

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
        if CONTROL.search(value):
            raise self._refused(name, "contains control characters")
        return value

    def fact(self, name: str) -> str | None:
        """Read an optional short text; None if it cannot be read (which is noted), or holds an address."""
        try:
            found = self.maybe_text(name)
        except ItemRefused as error:
            notes.left_out(*error.detail.removesuffix(".").split(" ", 1))
            return None
        return None if found is None or names_a_person(found) else found

    def long_text(self, name: str) -> str | None:
        """Read a text of any length that is used but not kept, such as a user agent."""
        value = self._item.get(name)
        if value is not None and not isinstance(value, str):
            self.left_out(name, "is not a text")
        return value if isinstance(value, str) and value else None

    def flag(self, name: str) -> bool:
        """Whether a field says yes: true, 1, or these as text."""
        return self.maybe_flag(name) is True

    def maybe_flag(self, name: str) -> bool | None:
        """Read yes or no: true or false, 1 or 0, or these as text; None where it says neither."""
        value = self._item.get(name)
        if value is None or isinstance(value, bool):
            return value
        text = value.strip().lower() if isinstance(value, str) else _digit(value)
        if text in _YES or text in _NO:
            return text in _YES
        if text:
            self.left_out(name, "says neither true nor false")
        return None

    def maybe_at(self, name: str) -> datetime | None:
        """Read an instant in ISO 8601 with a zone, or in seconds; None where it is missing or none."""
        value = self._item.get(name)
        if is_missing(value):
            return None
        try:
            return self.at_seconds(name)
        except ItemRefused:
            self.left_out(name, "is not an instant")
            return None

    def left_out(self, name: str, what: str) -> None:
        """Note that a field is there and was left out."""
        notes.left_out(f"{self._path}{name}", what)

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

        Milliseconds (no instant in seconds is so large) and a time with a zone are read, too.

        Raises:
            ItemRefused: missing, or no such instant.
        """
        value = self._item.get(name)
        if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()) and not is_missing(value):
            return self.at_iso(name)
        seconds = self._number(name)
        for most in (_LATEST_IN_SECONDS, _LATEST_IN_MILLISECONDS):
            if seconds < most:
                break
            seconds = seconds / 1_000
        return self._instant(name, seconds)

    def at_milliseconds(self, name: str) -> datetime:
        """Read an instant in milliseconds since 1970.

        Raises:
            ItemRefused: missing, or no such instant.
        """
        return self._instant(name, self._number(name) / 1_000)

    def at_iso(self, name: str) -> datetime:
        """Read an instant in ISO 8601 with a zone, or in any other spelling that says one.

        Raises:
            ItemRefused: missing, without a zone, or no such instant.
        """
        value = self._item.get(name)
        if value is None or value == "":
            raise self._refused(name, "is missing")
        try:
            at = read_instant(value) if isinstance(value, str) and len(value) <= MAX_TEXT_CHARACTERS else None
        except Unreadable:
            at = None
        if at is None or not 1970 < at.year <= 2200:
            raise self._refused(name, "is not an ISO 8601 time with a zone")
        return at.astimezone(UTC)

    def own_id(self, name: str) -> str | None:
        """Read an id that the account gave the provider; None if it was an address, of which only the hash is left.

        Raises:
            ItemRefused: it is no short text.
        """
        found = self.maybe_text(name)
        return None if found is not None and HASHED.fullmatch(found) else found

    def link(self, name: str) -> str | None:
        """Read a web address without its query; None where it is missing or leads elsewhere than to the web."""
        value = self._item.get(name)
        found = link_of(value)
        if found is None and (_is_web(value) if isinstance(value, str) else value is not None):
            self.left_out(name, "is not a web address")
        return found

    def tags(self, name: str) -> list[str]:
        """Read a tag or a list of tags: short texts only, at most 20, none that holds an address."""
        value = self._item.get(name)
        if isinstance(value, list) and len(value) > MAX_TAGS:
            self.left_out(name, f"lists more than {MAX_TAGS} tags")
        read = [PayloadReader({name: one}, self._path).fact(name) for one in as_list(value)[:MAX_TAGS]]
        return [tag for tag in read if tag is not None]

    def _number(self, name: str) -> float:
        value = self._item.get(name)
        if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
            return float(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e19:
            return float(value)
        raise self._refused(name, "is missing" if value is None else "is not a number")

    def _instant(self, name: str, seconds: float) -> datetime:
        # Up to the year 2200: a later instant was given in other units.
        if not (math.isfinite(seconds) and 0 < seconds < 7_258_118_400):
            raise self._refused(name, "is not an instant")
        return datetime.fromtimestamp(seconds, UTC)

    def _refused(self, name: str, what: str) -> ItemRefused:
        return ItemRefused(f"{self._path}{name} {what}.")


def _digit(value: Any) -> str:
    return str(int(value)) if isinstance(value, (int, float)) and value in (0, 1) else "?"


def _is_web(text: str) -> bool:
    return text.strip().lower().startswith(("http:", "https:"))


def without_missing(**facts: Any) -> dict[str, Any]:
    """Return the facts that are there.

    >>> without_missing(status=None, tags=[], first=False)
    {'first': False}
    """
    return {name: fact for name, fact in facts.items() if fact is not None and fact != []}


def receipt_of(*parts: str | datetime | None) -> str:
    """Return an id made of several parts, for a provider that gives its events none.

    >>> receipt_of("a", None) == receipt_of("a", None), receipt_of("a", "b") == receipt_of("ab")
    (True, False)
    """
    texts = [part.isoformat() if isinstance(part, datetime) else part for part in parts]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()
