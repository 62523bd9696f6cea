"""Routes read from the capability table: each prediction path and prefix goes to its service.

A contact may be named by its e-mail address: its id is put in the place of the address before a request is forwarded.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.context import AuthenticatedRequest, authenticate
from gateway.upstream import body_of
from shared.capabilities import TABLE, Capability
from shared.contracts.credentials import Scope
from shared.contracts.prediction import Unresolved
from shared.http.middleware import parse_json
from shared.ingest import email_hash
from shared.store import AccountStore
from shared.values.addresses import NotAnAddress, is_placeholder, read_address

_READS = ("GET", "HEAD")
TOO_MANY = 429
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def add_forwarding(app: FastAPI, table: tuple[Capability, ...] = TABLE) -> None:
    """Add the routes of all capabilities."""
    for line in table:
        forward = forwarding(line)
        app.router.routes.append(Route(line.path, forward, methods=["POST"], include_in_schema=False))
        for prefix in line.prefixes:
            for path in (prefix, f"{prefix}/{{rest:path}}"):
                app.router.routes.append(Route(path, forward, methods=list(_METHODS), include_in_schema=False))


def forwarding(line: Capability) -> Callable[[Request], Awaitable[Response]]:
    """Return the route of one capability: authenticate, then forward the bytes and return the answer."""

    async def forward(request: Request) -> Response:
        scope: Scope = "read" if request.method in _READS else "predict"
        here = await authenticate(request, scope)
        left = here.quota.remaining_contacts
        body = await _body_with_ids(here, request) if request.scope["path"] == line.path else None
        answer = await here.gateway.upstreams.answer(
            line, request, here.caller, here.request_id, quota_contacts=left, body=body
        )
        if (
            answer.status_code == TOO_MANY and left is not None
        ):  # the service knows how many are left, but not until when
            raise here.quota.refused(
                "contacts", f"This key may ask about {left:,} more contacts for now; ask about fewer, or wait."
            )
        return answer

    return forward


async def _body_with_ids(here: AuthenticatedRequest, request: Request) -> bytes:
    """Return the body of a prediction request, with ids in the place of e-mail addresses."""
    body = await body_of(request)
    if not may_contain_email(body):
        return body
    key = here.gateway.settings.identity_key.get_secret_value().encode()
    return await run_in_threadpool(replace_emails_by_ids, body, here.store, key)


_MARK: Final = b'"email"'
_KIND: Final = "email"


def may_contain_email(body: bytes) -> bool:
    """Whether a body may hold a contact with an address; cheap, because nearly none does."""
    return _MARK in body


def replace_emails_by_ids(body: bytes, store: AccountStore, key: bytes) -> bytes:
    """Replace e-mail addresses by ids; addresses are neither kept nor forwarded.

    Args:
        body: of a prediction request.
        store: of the account; read once for all contacts.
        key: the installation's identity key.

    Returns:
        The body as it came if no contact has an address. A contact whose address leads to nobody is marked as
        `unresolved`; the service answers it by a status, in its place.

    Raises:
        MalformedJson: the body is not JSON.
        StoreUnavailable: the store cannot be read.
    """
    content = parse_json(body)
    contacts = content.get("contacts") if isinstance(content, dict) else None
    if not isinstance(contacts, list) or not any(isinstance(one, dict) and _KIND in one for one in contacts):
        return body
    hashes = {place: _address_hash(one[_KIND], key) for place, one in enumerate(contacts) if _has_address(one)}
    found = store.identities.contacts_of({(_KIND, one) for one in hashes.values() if one})
    ids = {key_hash: contact_id for (_, key_hash), contact_id in found.items()}
    content["contacts"] = [
        _with_id(one, hashes.get(place), ids) if isinstance(one, dict) and _KIND in one else one
        for place, one in enumerate(contacts)
    ]
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _has_address(contact: Any) -> bool:
    return isinstance(contact, dict) and contact.get(_KIND) is not None


def _address_hash(given: Any, key: bytes) -> str | None:
    """Return the hash of an address; "" for a placeholder, which identifies nobody; None if it is no address."""
    if not isinstance(given, str):
        return None
    try:
        address = read_address(given)
    except NotAnAddress:
        return None
    return "" if is_placeholder(address.email) else email_hash(address.email, key)


def _with_id(contact: Mapping[str, Any], key_hash: str | None, ids: Mapping[str, str]) -> dict[str, Any]:
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
