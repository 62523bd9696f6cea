"""From bytes to an envelope and its contacts: the envelope strictly, each contact alone."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from pydantic import ValidationError

from shared.contracts.contact import InlineContact
from shared.contracts.mistakes import mistakes
from shared.contracts.reading import read_json
from shared.contracts.request import MAX_CONTACTS, PredictionRequest
from shared.errors import BadRequest, TooManyContacts
from shared.serving import problem

CLOCK_SLACK = timedelta(minutes=1)
"""How far ahead of our clock a cutoff may lie: clocks differ."""
MAX_ID = 200


@dataclass(frozen=True, slots=True)
class InvalidContact:
    """A contact that does not fit the contract."""

    contact_id: str | None
    """As sent, where it is a string that may be repeated."""
    errors: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class UnknownContact:
    """A contact named by an address that the account does not know."""

    contact_id: str | None


class Unresolved(StrEnum):
    """What the gateway writes in the place of a contact whose e-mail address leads to no id."""

    UNKNOWN = "unknown"
    MALFORMED = "malformed"
    DIFFERS = "differs"


_ADDRESS_MISTAKES: Final = {
    Unresolved.MALFORMED: "It is not an e-mail address.",
    Unresolved.DIFFERS: "This address belongs to another contact than the id; send one of the two.",
}
Slot = InlineContact | InvalidContact | UnknownContact


def parsed(body: bytes) -> Any:
    """Read JSON; what no field may hold is let through, so that only the contact that holds it is refused.

    Raises:
        MalformedJson: the body is not JSON; the error tells the position.
    """
    try:
        return read_json(body)
    except json.JSONDecodeError as error:
        raise problem.malformed(error.pos) from None


def envelope(body: bytes, kind: type[PredictionRequest], *, now: datetime) -> PredictionRequest:
    """Read and check the envelope of a call.

    Args:
        body: of the request.
        kind: the capability's envelope.
        now: aware instant.

    Raises:
        BadRequest: not JSON, or not this envelope, or no contact, or a cutoff in the future.
        TooManyContacts: more than one call may carry.
    """
    content = parsed(body)
    try:
        read = kind.model_validate(content)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        raise problem.invalid([dict(entry) for entry in details], content) from None
    count = len(read.contacts)
    if count == 0:
        raise BadRequest("Send at least one contact.", errors=[_place("/contacts", "Send at least one contact.")])
    if count > MAX_CONTACTS:
        raise TooManyContacts(
            f"A call carries at most {MAX_CONTACTS} contacts; this one has {count}. Send them in several calls.",
            max_contacts=MAX_CONTACTS,
        )
    if read.cutoff_or(now) > now + CLOCK_SLACK:
        sentence = "The cutoff must not lie in the future; leave it out to predict from now."
        raise BadRequest(sentence, errors=[_place("/cutoff", sentence)])
    return read


def slots(contacts: list[Any]) -> list[Slot]:
    """Validate each contact alone, order kept."""
    return [_slot(raw, place) for place, raw in enumerate(contacts)]


def _slot(raw: Any, place: int) -> Slot:
    if isinstance(raw, dict) and "unresolved" in raw and raw.keys() <= {"id", "unresolved"}:
        return _unresolved(raw, place)
    try:
        return InlineContact.model_validate(raw)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        found = mistakes([dict(entry) for entry in details], raw, f"/contacts/{place}")
        return InvalidContact(repeatable_id(raw), found)


def _unresolved(raw: dict[str, Any], place: int) -> Slot:
    """Read what the gateway wrote; the pointer is that of the address in the client's own body."""
    if raw["unresolved"] == Unresolved.UNKNOWN:
        return UnknownContact(repeatable_id(raw))
    mistake = Unresolved.DIFFERS if raw["unresolved"] == Unresolved.DIFFERS else Unresolved.MALFORMED
    return InvalidContact(repeatable_id(raw), [_place(f"/contacts/{place}/email", _ADDRESS_MISTAKES[mistake])])


def repeatable_id(raw: Any) -> str | None:
    """Return the id of an invalid item where it can be repeated safely."""
    given = raw.get("id") if isinstance(raw, dict) else None
    if not isinstance(given, str) or not 0 < len(given) <= MAX_ID or not given.isprintable():
        return None
    return given


def _place(pointer: str, detail: str) -> dict[str, str]:
    return {"pointer": pointer, "detail": detail}
