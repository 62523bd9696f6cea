"""A contact named by its e-mail address: the id is put in its place before a prediction request is forwarded."""

import json
from collections.abc import Mapping
from typing import Any, Final

from shared.contracts.prediction import Unresolved
from shared.http.problem import parse_json
from shared.ingest import email_hash
from shared.store import AccountStore
from shared.values.addresses import NotAnAddress, is_placeholder, read_address

_MARK: Final = b'"email"'
_KIND: Final = "email"


def may_name_by_email(body: bytes) -> bool:
    """Whether a body may hold a contact with an address; cheap, since nearly none does."""
    return _MARK in body


def with_ids(body: bytes, store: AccountStore, key: bytes) -> bytes:
    """Put ids in the place of e-mail addresses, which are neither kept nor passed on.

    Args:
        body: of a prediction request.
        store: of the account; asked once for all contacts.
        key: the installation's identity key.

    Returns:
        The body as it came where no contact has an address. A contact whose address says nothing becomes one that the
        service answers by its status, in its place.

    Raises:
        MalformedJson: the body is not JSON.
        StoreUnavailable: the store cannot be asked.
    """
    content = parse_json(body)
    contacts = content.get("contacts") if isinstance(content, dict) else None
    if not isinstance(contacts, list) or not any(isinstance(one, dict) and _KIND in one for one in contacts):
        return body
    hashes = {place: _hashed(one[_KIND], key) for place, one in enumerate(contacts) if _has_address(one)}
    found = store.identities.contacts_of({(_KIND, one) for one in hashes.values() if one})
    ids = {key_hash: contact_id for (_, key_hash), contact_id in found.items()}
    content["contacts"] = [
        _named(one, hashes.get(place), ids) if isinstance(one, dict) and _KIND in one else one
        for place, one in enumerate(contacts)
    ]
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _has_address(contact: Any) -> bool:
    return isinstance(contact, dict) and contact.get(_KIND) is not None


def _hashed(given: Any, key: bytes) -> str | None:
    """Hash an address; "" for a placeholder, by which nobody is recognised, None where it is no address."""
    if not isinstance(given, str):
        return None
    try:
        address = read_address(given)
    except NotAnAddress:
        return None
    return "" if is_placeholder(address.email) else email_hash(address.email, key)


def _named(contact: Mapping[str, Any], key_hash: str | None, ids: Mapping[str, str]) -> dict[str, Any]:
    rest = {name: value for name, value in contact.items() if name != _KIND}
    if contact[_KIND] is None:
        return rest
    given = {"id": rest["id"]} if isinstance(rest.get("id"), str) else {}
    if key_hash is None:
        return {**given, "unresolved": Unresolved.MALFORMED}
    contact_id = ids.get(key_hash)
    if contact_id is None:
        return {**given, "unresolved": Unresolved.UNKNOWN}
    if rest.get("id", contact_id) != contact_id:
        return {**given, "unresolved": Unresolved.DIFFERS}
    return {**rest, "id": contact_id}
