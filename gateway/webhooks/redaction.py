"""Redact an item for a dead letter: enough is kept to retry it, nothing that names a person or a device.

Pure.
"""

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import unquote

from gateway.webhooks.addresses import link_of
from shared.values.personal import by_header

AddressHash = Callable[[str], str]
"""Turns an address into its keyed hash, 64 hexadecimal digits."""

MAX_CHARACTERS: Final = 64_000
_MAX_DEPTH: Final = 40
_MAX_ENTRIES: Final = 1_000
_MAX_TEXT: Final = 1_000
_MAX_WORDS: Final = 8
"""A text with more words is prose."""
_MAX_NUMBER: Final = 10**30

_DROPPED: Final = object()
_PERSONAL: Final = frozenset(
    re.findall(
        r"\w+",
        """
        title location device useragents clientinfo browser geo city region
        reason response detail details text html content
        """,
    )
)
"""Places, devices and prose, beside fields that name or find a person; spelled as by `_plain`."""
_NEEDED: Final = frozenset({"message"})
"""Fields that are kept, because their content is redacted itself."""
_ADDRESSES: Final = frozenset({"email", "emailaddress", "recipient"})
"""Fields of addresses: if the value is no address, it may be a name."""
_AT: Final = r"(?:@|%40)"
_PART: Final = r"""(?:(?!%40)[^\s<>,;"@])+"""
# A match starts only at the start of a word: a long text without an address is scanned once, not once a letter.
_ADDRESS = re.compile(r"""(?:(?<![^\s<>,;"@])|(?<=%40))""" + _PART + _AT + _PART, re.IGNORECASE)
_NAMED_ADDRESS = re.compile(rf".*<\s*({_PART}{_AT}{_PART})\s*>\s*", re.IGNORECASE | re.DOTALL)
_IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
_IPV6 = re.compile(r"(?<![\w:])(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{0,4}(?![\w:])", re.IGNORECASE)
_PHONE = re.compile(r"\+\d[\d\s().-]{6,}")
_HASH = re.compile(r"hash:([0-9a-f]{64})")


def redacted(item: Any, hashed: AddressHash) -> Any:
    """Remove what is personal from an item.

    Addresses become `hash:` and their keyed hash, in keys and values, also within JSON inside a text;
    addresses of networks, devices, names, phone numbers and prose are left out.

    Args:
        item: JSON as it was read.
        hashed: the installation's hash of addresses.

    Returns:
        JSON of the same shape.
    """
    kept = _kept(item, hashed, _MAX_DEPTH)
    return None if kept is _DROPPED else kept


def redacted_json(item: Any, hashed: AddressHash) -> str:
    """Return the redacted item as JSON; `null` if it is too large."""
    text = json.dumps(redacted(item, hashed), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text if len(text) <= MAX_CHARACTERS else "null"


def hashes_in(text: str) -> Iterator[str]:
    """Yield the hashes of addresses in a redacted payload."""
    return (match[1] for match in _HASH.finditer(text))


def _kept(value: Any, hashed: AddressHash, depth: int) -> Any:
    if depth == 0:
        return _DROPPED
    if isinstance(value, dict):
        return _object(value, hashed, depth - 1)
    if isinstance(value, (list, tuple)):
        found = (_kept(one, hashed, depth - 1) for one in value[:_MAX_ENTRIES])
        return [one for one in found if one is not _DROPPED]
    if isinstance(value, str):
        return _text(value, hashed, depth - 1)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool):
        return value
    return value if isinstance(value, int) and abs(value) < _MAX_NUMBER else None


def _object(value: dict[Any, Any], hashed: AddressHash, depth: int) -> Any:
    names = {_plain(str(name)) for name in value}
    if names == {"name", "value"}:  # a header of the message
        return _DROPPED
    kept = {}
    for name, inner in list(value.items())[:_MAX_ENTRIES]:
        plain = _plain(str(name))
        if _is_dropped(plain) or (plain == "propertyvalue" and _is_dropped(_plain(str(value.get("propertyName"))))):
            continue
        if plain in _ADDRESSES and isinstance(inner, str) and not (_ADDRESS.search(inner) or _HASH.search(inner)):
            continue
        key = _text(str(name), hashed, depth)
        found = _kept(inner, hashed, depth)
        if key is not _DROPPED and found is not _DROPPED:
            kept[key] = found
    return kept


def _is_dropped(plain: str) -> bool:
    """Whether a field of this name is left out."""
    return plain in _PERSONAL or (by_header(plain) not in (None, "email") and plain not in _NEEDED)


def _text(value: str, hashed: AddressHash, depth: int) -> Any:
    if value[:1] in ("{", "["):
        return _document(value, hashed, depth)
    if len(value) > _MAX_TEXT or len(value.split()) > _MAX_WORDS or "mozilla/" in value.lower():
        return _DROPPED
    if value[:8].lower().startswith(("http://", "https://")):
        return _without_addresses(link_of(value) or "", hashed)
    return _without_addresses(value, hashed)


def _document(value: str, hashed: AddressHash, depth: int) -> Any:
    """Redact JSON within a text, such as the message of a notification."""
    try:
        read = json.loads(value)
    except (ValueError, RecursionError):
        return _DROPPED
    found = _kept(read, hashed, depth)
    return _DROPPED if found is _DROPPED else json.dumps(found, separators=(",", ":"), allow_nan=False)


def _without_addresses(value: str, hashed: AddressHash) -> str:
    named = _NAMED_ADDRESS.fullmatch(value)
    if named is not None:
        value = named[1]
    for shape in (_IPV4, _IPV6, _PHONE):
        if not _ADDRESS.search(value) or shape is not _PHONE:
            value = shape.sub("", value)
    return _ADDRESS.sub(lambda found: f"hash:{hashed(unquote(found[0]))}", value)


def _plain(name: str) -> str:
    """Spell a field's name as in the lists: `User-Agent` is `useragent`."""
    return "".join(filter(str.isalnum, name.lower()))
