"""Why a row is none, in plain sentences that name its column; what stands in the row is never repeated."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

_SENTENCES = {
    "missing": "is empty, and every row needs one",
    "string_too_short": "is empty, and every row needs one",
    "string_type": "is not a text",
    "string_unicode": "holds a character that is none",
    "string_sub_type": "is not a text",
    "timezone_aware": "is a time without a zone; write +02:00 or Z behind it, or say --timezone Europe/Berlin",
    "finite_number": "is not a finite number",
    "literal_error": "is neither granted nor denied",
    "dict_type": "is not a JSON object",
    "list_type": "is not a JSON array",
    "model_type": "is not a JSON object",
    "extra_forbidden": "is not known here",
    "too_long": "has more entries than are kept of one row",
    "recursion_loop": "is nested too deeply",
}
_BY_FAMILY = {
    "datetime": "is not a time such as 2026-06-01T09:30:00Z",
    "date": "is not a time such as 2026-06-01T09:30:00Z",
    "float": "is not a number",
    "int": "is not a number",
    "bool": "is neither true nor false",
    "string": "is not a text that can be kept",
}
_BOUNDS = {"less_than_equal": ("larger", "le"), "greater_than_equal": ("smaller", "ge")}
_ABOVE = {"propensity": "is 0: what was chosen had a chance above 0"}
_PATTERNS = {
    "type": "is no name of an event: begin with a letter, then letters, digits and _",
    "currency": "is no currency code of three letters such as EUR",
}


def reasons(error: ValidationError, columns: Mapping[str, str]) -> str:
    """Say what is wrong with a row: one sentence a column, without patterns and without the library's own words.

    Args:
        error: of the wire type.
        columns: name of the column in the file by field.
    """
    found: dict[str, str] = {}
    for entry in error.errors(include_url=False, include_context=True):
        place = [str(part) for part in entry["loc"]]
        field = place[0] if place else "row"
        if field in ("attributes", "properties") and len(place) > 1:
            field = place[1]
        column = columns.get(field, field)
        found.setdefault(column, f"{column} {_sentence(entry, field)}")
    return "; ".join(found.values())


def _sentence(entry: Mapping[str, Any], field: str) -> str:
    kind = str(entry["type"])
    if kind == "string_too_long":
        return f"is longer than {entry['ctx']['max_length']:,} characters"
    if kind in _BOUNDS:
        word, bound = _BOUNDS[kind]
        return f"is {word} than {entry['ctx'][bound]:,.0f}"
    if kind == "greater_than":
        return _ABOVE.get(field, f"is not larger than {entry['ctx']['gt']:,.0f}")
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(field, "is not written as it must be")
    if kind == "value_error":
        return f"is refused: {str(entry['msg']).removeprefix('Value error, ')}"
    return _SENTENCES.get(kind) or _BY_FAMILY.get(kind.partition("_")[0], "cannot be read")
