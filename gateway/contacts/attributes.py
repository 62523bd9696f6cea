"""Attributes that a search or a list names: one that no contact has is refused with near names, not answered empty."""

from shared.contracts.outcome import no_contact_has
from shared.errors import BadRequest
from shared.store import AccountStore
from shared.values.words import spelled_as


def known_attribute(store: AccountStore, name: str, pointer: str) -> str:
    """Return the name of an attribute as contacts have it.

    Args:
        store: of the account.
        name: as somebody writes it; case, accents and marks may differ.
        pointer: to the field that names it.

    Raises:
        BadRequest: no contact has such an attribute.
    """
    if store.contacts.has_attribute(name):
        return name
    known = store.contacts.attribute_names()
    (meant,) = spelled_as(known, [name])
    unknown = no_contact_has("an attribute", [meant], known)
    if unknown:
        raise BadRequest(unknown, errors=[{"pointer": pointer, "detail": unknown}])
    return meant
