"""What a row of a file says, as the fields of the wire types: empty cells are missing, other columns collected."""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson

from shared.contracts.bounds import MAX_NUMBER
from shared.errors import FileRefused

EVENT_FIELDS = (
    "contact_id",
    "type",
    "occurred_at",
    "id",
    "value",
    "currency",
    "message_id",
    "campaign_id",
    "item",
    "human",
)
"""Event columns that are fields; `properties` holds JSON; any other column is a property."""
EVENT_COLUMNS = ("contact_id", "type", "occurred_at")
"""Columns without which no row of a file can be an event."""
CONTACT_COLUMNS = ("id",)
"""Columns without which no row of a file can be a contact."""
_ID_FIELDS = ("contact_id", "id", "message_id", "campaign_id", "item")
_CONTACT_FIELDS = ("id", "email", "timezone", "created_at")

_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,14})")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?([eE][-+]?[0-9]{1,2})?")


def refuse_without(needed: Sequence[str], columns: Collection[str]) -> None:
    """Refuse a file none of whose rows can be read; its own columns are not repeated, they may be a first row.

    Args:
        needed: EVENT_COLUMNS or CONTACT_COLUMNS.
        columns: of the file.

    Raises:
        FileRefused: one is missing.
    """
    missing = [name for name in needed if name not in columns]
    if missing:
        raise FileRefused(f"The file has no column {' or '.join(missing)}; its header must name {', '.join(needed)}.")


def event_fields(cells: Mapping[str, Any]) -> dict[str, Any]:
    """Arrange a row as the fields of an EventInput.

    Args:
        cells: values by column, as the format gives them.

    Raises:
        ValueError: `properties` is not a JSON object.
    """
    present = _present(cells)
    fields = {name: present.pop(name) for name in EVENT_FIELDS if name in present}
    for name in _ID_FIELDS:
        if name in fields:
            fields[name] = _id_text(fields[name])
    properties = _object(present.pop("properties", {}), "properties")
    properties.update(present)
    return {**fields, "properties": properties} if properties else fields


def contact_fields(cells: Mapping[str, Any]) -> dict[str, Any]:
    """Arrange a row as the fields of a ContactInput; `valid_from` dates all attributes of the row.

    Args:
        cells: values by column, as the format gives them.

    Raises:
        ValueError: `attributes` or `consent` is not what it must be.
    """
    present = _present(cells)
    fields = {name: present.pop(name) for name in _CONTACT_FIELDS if name in present}
    if "id" in fields:
        fields["id"] = _id_text(fields["id"])
    if "consent" in present:
        fields["consent"] = _consent(present.pop("consent"))
    valid_from = present.pop("valid_from", None)
    attributes = _object(present.pop("attributes", {}), "attributes")
    attributes.update(present)
    if valid_from is not None:
        attributes = {
            name: value if isinstance(value, dict) else {"value": value, "valid_from": valid_from}
            for name, value in attributes.items()
        }
    return {**fields, "attributes": attributes}


def typed(text: str) -> str | int | float | bool | None:
    """Read a cell of a text file: numbers and true or false are recognised; leading zeros stay text.

    >>> typed("12"), typed("1.5"), typed("007"), typed("true"), typed("Paris"), typed("")
    (12, 1.5, '007', True, 'Paris', None)
    """
    if not text:
        return None
    if _WHOLE.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    return {"true": True, "false": False}.get(text.lower(), text)


def plain(value: Any) -> Any:
    """Turn what Parquet knows and JSON does not into what JSON knows; NaN is a missing value.

    A whole number that is too long to be one everywhere is text, as in a text file.

    >>> plain(float("nan")), plain(date(2026, 1, 2)), plain(2**60)
    (None, '2026-01-02', '1152921504606846976')
    """
    if isinstance(value, int) and abs(value) > MAX_NUMBER:
        return str(value)
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, (date, datetime)) else value


def _present(cells: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in cells.items() if value is not None and value != ""}


def _id_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _object(value: Any, name: str) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            value = None
    if not isinstance(value, dict):
        raise ValueError(f"{name}: must be a JSON object")
    return dict(value)


def _consent(value: Any) -> dict[str, Any]:
    if isinstance(value, str) and not value.startswith("{"):
        return {"profiling": value}
    return _object(value, "consent")
