"""The envelope of a bulk request: strict, so that a misspelt field is an error."""

from typing import Any

from shared.contracts.rows import NAMED_TWICE, REPEATED
from shared.contracts.validation import escaped
from shared.errors import BadRequest
from shared.http.middleware import parse_json


def document(body: bytes) -> dict[str, Any]:
    """Read a body as a JSON object; a value that no field may hold makes its item invalid, not the whole call.

    Raises:
        BadRequest: not JSON, or not an object.
    """
    read = parse_json(body)
    if not isinstance(read, dict):
        raise _refused("", "Send a JSON object.")
    return read


def items(body: bytes, field: str) -> list[Any]:
    """Return a bulk request's items, not yet checked.

    Args:
        body: as it came.
        field: the one field of the envelope.

    Raises:
        BadRequest: not `{"<field>": [1 to 1,000 items]}`; says what is wrong.
    """
    read = document(body)
    unknown = sorted(name for name in read if name != field)
    if unknown:
        raise _refused(f"/{escaped(unknown[0])}", f"This field is not known here; only {field} is.")
    found = read.get(field)
    if found is REPEATED:
        raise _refused(f"/{field}", NAMED_TWICE)
    if not isinstance(found, list):
        raise _refused(f"/{field}", f"Give a list of 1 to {MAX_ITEMS:,} {field}.")
    if not 1 <= len(found) <= MAX_ITEMS:
        raise _refused(f"/{field}", f"Give 1 to {MAX_ITEMS:,} {field} a call; these are {len(found):,}.")
    return found


def _refused(pointer: str, detail: str) -> BadRequest:
    return BadRequest(
        "The request does not fit the contract; `errors` says where.", errors=[{"pointer": pointer, "detail": detail}]
    )


MAX_ITEMS = 1_000
