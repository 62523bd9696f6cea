"""Forms: read where they come from this console, the call that one names, and its fields as the JSON of that call.

A field's name says where its value goes and of which type it is: `name` is a text, `name:number`, `name:flag`,
`name:list` (separated by commas or line ends) and `name:json` are others; `a.b` goes into an object. A field that is
left empty is left out, but `name:text` is sent as it is.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from starlette.requests import Request

from shared.errors import BadRequest, BodyTooLarge

MOST_BYTES: Final = 1_000_000
MOST_FIELDS: Final = 2_000
MOST_LEVELS: Final = 8
"""Of objects within objects that a field's name may make."""
_METHODS: Final = ("POST", "PUT", "PATCH", "DELETE")
_PRINTABLE: Final = re.compile(r"[\x21-\x7e]+")


async def fields_of(request: Request, public_url: str | None) -> list[tuple[str, str]]:
    """Read a form that was sent from a page of this console.

    Args:
        request: that brings it.
        public_url: under which browsers know this gateway, where it is set.

    Raises:
        BadRequest: it comes from another site, or is no form.
        BodyTooLarge: nobody fills in so much.
    """
    if not is_own(request.headers, public_url):
        raise BadRequest("This form was sent by another site.")
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise BadRequest("Send this form from its page.")
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > MOST_BYTES:
        raise _too_large()
    body = await request.body()
    if len(body) > MOST_BYTES:
        raise _too_large()
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise BadRequest("The form cannot be read.") from error


def is_own(headers: Mapping[str, str], public_url: str | None) -> bool:
    """Whether a browser says that a page of this console sent a form.

    Browsers name the sender's site only where the connection is safe; elsewhere they name its origin.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site in ("same-origin", "none")
    return origin is None or urlsplit(origin).netloc in (headers.get("host"), urlsplit(public_url or "").netloc or None)


def _too_large() -> BodyTooLarge:
    return BodyTooLarge(f"A form holds at most {MOST_BYTES:,} bytes.", max_bytes=MOST_BYTES)


def call_of(text: str, console: str) -> tuple[str, str]:
    """Read which route of the API a form calls.

    Args:
        text: method and path.
        console: path of the console, which calls itself by no form.

    Raises:
        BadRequest: it names none.

    >>> call_of("PATCH /segments/seg_a%2Fb", "/console")
    ('PATCH', '/segments/seg_a%2Fb')
    """
    method, _, path = text.partition(" ")
    place = unquote(path.partition("?")[0]).lower()
    parts = [part for part in place.split("/") if part]
    is_plain = path.startswith("/") and not path.startswith("//") and _PRINTABLE.fullmatch(path) is not None
    if method not in _METHODS or not is_plain or not parts or parts[0] == console.strip("/") or ".." in parts:
        raise BadRequest("The form names no call of the API.")
    return method, path


def body_of_fields(fields: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Make a body of fields, in order; a name that comes twice makes a list.

    Raises:
        BadRequest: a number or a JSON value is none, or the names do not fit together.

    >>> body_of_fields([("name", "Loyal"), ("rule.days:number", "30"), ("on:flag", "on"), ("note", "")])
    {'name': 'Loyal', 'rule': {'days': 30}, 'on': True}
    >>> body_of_fields([("scopes[]", "read"), ("scopes[]", "predict"), ("types:list", "a, b")])
    {'scopes': ['read', 'predict'], 'types': ['a', 'b']}
    """
    body: dict[str, Any] = {}
    for full, text in fields:
        name, _, kind = full.partition(":")
        if text == "" and kind != "text":
            continue
        *parents, last = name.removesuffix("[]").split(".", MOST_LEVELS)
        place: Any = body
        for parent in parents:
            place = _within(place, parent, dict)
        value = _value(name, kind, text)
        if name.endswith("[]"):
            _within(place, last, list).append(value)
        else:
            place[last] = value
    return body


def _within(place: dict[str, Any], name: str, kind: type[Any]) -> Any:
    """Return the object or list of that name, made where it is not there yet."""
    found = place.setdefault(name, kind())
    if not isinstance(found, kind):
        raise BadRequest(f"{name[:100]} is given in two ways.")
    return found


def _value(name: str, kind: str, text: str) -> Any:
    match kind:
        case "number":
            return _number(name, text)
        case "flag":
            return text in {"on", "true", "yes", "1"}
        case "list":
            return [one for part in text.splitlines() for piece in part.split(",") if (one := piece.strip())]
        case "json":
            try:
                return json.loads(text)
            except (ValueError, RecursionError) as error:
                reason = str(error) if isinstance(error, json.JSONDecodeError) else "it cannot be read"
                raise BadRequest(f"{name} is not JSON: {reason}.") from error
        case _:
            return text


def _number(name: str, text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadRequest(f"{name.replace('_', ' ')} is not a number: {text[:100]!r}.")
    return value
