"""Fields of a form to the JSON of a call: a field's name says where its value goes and of which type it is.

`name` is a text; `name:number`, `name:flag`, `name:list` (separated by commas or line ends) and `name:json` are others;
`a.b` goes into an object. A field that is left empty is left out, but `name:text` is sent as it is.
"""

import json
from collections.abc import Sequence
from typing import Any

from shared.errors import BadRequest


def body_of_fields(fields: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Make a body of fields, in order; a name that comes twice makes a list.

    Raises:
        BadRequest: a number or a JSON value is none.

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
        *parents, last = name.removesuffix("[]").split(".")
        place = body
        for parent in parents:
            place = place.setdefault(parent, {})
        value = _value(name, kind, text)
        if name.endswith("[]"):
            place.setdefault(last, []).append(value)
        else:
            place[last] = value
    return body


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
            except ValueError as error:
                raise BadRequest(f"{name} is not JSON: {error}.") from error
        case _:
            return text


def _number(name: str, text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError as error:
        raise BadRequest(f"{name.replace('_', ' ')} is not a number: {text!r}.") from error
