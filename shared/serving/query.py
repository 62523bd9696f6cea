"""Query parameters that a route does not know are refused, as unknown fields of a body are.

A misspelt `?limt=5` would otherwise be answered as if nothing had been asked.
"""

from collections import Counter
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from fastapi import Request
from fastapi.dependencies.models import Dependant

from shared.contracts.mistakes import MAX_MISTAKES, MAX_SEGMENT
from shared.errors import BadRequest

_NEAR: Final = 3
"""How many near names are suggested."""


async def refuse_unknown_query(request: Request) -> None:
    """Refuse a query parameter that the route does not declare, or one that is given twice.

    Args:
        request: already routed; a route that declares nothing to the framework is left to who answers it.

    Raises:
        BadRequest: names each such parameter, and those that are near.
    """
    if not request.scope["query_string"]:
        return
    dependant = getattr(request.scope.get("route"), "dependant", None)
    if dependant is None:
        return
    known = sorted(set(_names(dependant)))
    given = Counter(name for name, _ in request.query_params.multi_items())
    errors = [
        {"pointer": f"/{_escaped(name)}", "detail": _unknown(name, known) if name not in known else _repeated()}
        for name, times in given.items()
        if name not in known or times > 1
    ]
    if errors:
        raise BadRequest(
            "The query does not fit the contract; `errors` says where.", parameters=known, errors=errors[:MAX_MISTAKES]
        )


def _names(dependant: Dependant) -> Iterator[str]:
    """List the query parameters that a route and what it depends on declare."""
    yield from (field.alias for field in dependant.query_params)
    for inner in dependant.dependencies:
        yield from _names(inner)


def _unknown(name: str, known: list[str]) -> str:
    near = get_close_matches(name[:MAX_SEGMENT].lower(), known, _NEAR, cutoff=0.5)
    if near:
        return f"This query parameter is not known here; did you mean {' or '.join(near)}?"
    if known:
        return f"This query parameter is not known here; known: {', '.join(known)}."
    return "This query parameter is not known here; this path takes none."


def _repeated() -> str:
    return "This query parameter is given more than once; give it once."


def _escaped(name: str) -> str:
    return name[:MAX_SEGMENT].replace("~", "~0").replace("/", "~1")
