"""Addresses of people and of pages, as far as they may be kept."""

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.webhooks.provider import ItemRefused, Refused
from shared.values.addresses import NotAnAddress, read_address

MAX_TEXT_CHARACTERS: Final = 200

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
HASHED = re.compile(r"hash:[0-9a-f]{64}")


def address_of(value: Any, name: str) -> str:
    """Read an e-mail address as the API does, or the `hash:` that stands for one.

    >>> address_of("Ann <ann@example.com>", "to")
    'ann@example.com'

    Raises:
        ItemRefused: it is neither.
    """
    if isinstance(value, str):
        bare = value.strip()
        if bare.endswith(">") and "<" in bare:
            bare = bare[bare.rindex("<") + 1 : -1].strip()
        if HASHED.fullmatch(bare):
            return bare
        with suppress(NotAnAddress):
            return read_address(value).email
    raise ItemRefused(f"{name} is not an e-mail address.")


def addresses_of(values: Iterable[Any], name: str) -> list[str | Refused]:
    """Read the addresses of recipients; a wrong one does not affect the others.

    Raises:
        ItemRefused: none of them is one.
    """
    found: list[str | Refused] = []
    for value in values:
        try:
            found.append(address_of(value, name))
        except ItemRefused as error:
            found.append(Refused(error.detail))
    if found and all(isinstance(one, Refused) for one in found):
        raise ItemRefused(f"{name} is not an e-mail address.")
    return found


def link_of(value: Any) -> str | None:
    """Remove query, fragment and user name from a web address; if its path holds an e-mail address, keep only the host.

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
    path = "" if names_a_person(parts.path) else parts.path
    link = f"{origin}{path}"[:MAX_TEXT_CHARACTERS]
    return None if CONTROL.search(link) else link


def names_a_person(text: str) -> bool:
    """Whether a text holds an address, or the hash of one."""
    return "@" in text or "%40" in text or HASHED.search(text) is not None
