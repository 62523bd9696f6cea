"""What is wrong with a payload, with its place; the payload itself is never repeated."""

from collections.abc import Iterator

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_IN_OUR_WORDS = {
    "timezone_aware": "give the time with a zone, such as 2026-06-01T09:30:00Z",
    "extra_forbidden": "there is no field of this name",
    "missing": "this field is required",
    "model_type": "must be an object",
}
_BARE, _DATED = "function-before[_scalar()", "DatedScalar"


def problems(error: ValidationError, prefix: str = "") -> list[dict[str, str]]:
    """List the mistakes of one payload.

    Args:
        error: from validating a contact or an event.
        prefix: JSON pointer of what was validated, for example "/contacts/3".

    Returns:
        `pointer` (RFC 6901) and `detail` of each.
    """
    return [
        {"pointer": prefix + "".join(f"/{_escaped(part)}" for part in _place(entry)), "detail": _detail(entry)}
        for entry in _told_once(error)
    ]


def _told_once(error: ValidationError) -> Iterator[ErrorDetails]:
    # An attribute is a bare or a dated value, and pydantic reports what is wrong with it as either.
    for entry in error.errors(include_url=False, include_context=False):
        last = entry["loc"][-1] if entry["loc"] else ""
        if str(last).startswith(_BARE) and _DATED not in entry["loc"][2:] and isinstance(entry["input"], dict):
            continue
        if last == _DATED and entry["type"] == "model_type":
            continue
        yield entry


def _place(entry: ErrorDetails) -> Iterator[int | str]:
    for depth, part in enumerate(entry["loc"]):
        inserted = part in (_DATED, "[key]") or str(part).startswith("function-")
        if depth < 2 or not inserted:
            yield part


def _detail(entry: ErrorDetails) -> str:
    ours = _IN_OUR_WORDS.get(entry["type"])
    return ours or entry["msg"].removeprefix("Value error, ").replace("Input should", "should")


def _escaped(part: int | str) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")
