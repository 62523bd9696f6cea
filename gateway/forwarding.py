"""Prediction requests go to their services as bytes; so do all requests under the prefixes that services own.

Paths and prefixes are read from the capability table. A contact may be named by its e-mail address: its id is put in
the place of the address before a request is forwarded.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from gateway.auth import identify, permit
from gateway.context import AuthenticatedRequest, Gateway, authenticate, body_of
from gateway.upstream import ForwardedRequest
from shared.capabilities import TABLE, Capability
from shared.contracts.call import target_of
from shared.contracts.prediction import Unresolved
from shared.contracts.validation import write_json
from shared.http.exchange import Exchange, Handler, HttpAnswer
from shared.http.middleware import parse_json
from shared.ingest import email_hash
from shared.store import AccountStore
from shared.values.addresses import NotAnAddress, is_placeholder, read_address

_READS = ("GET", "HEAD")
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
TOO_MANY = 429


Work = Callable[[AuthenticatedRequest, Exchange], Awaitable[HttpAnswer]]
"""What is left to do for a request whose key may ask models."""


def prediction(line: Capability) -> Handler:
    """Return what answers the prediction path of a capability."""

    async def forward(here: AuthenticatedRequest, exchange: Exchange) -> HttpAnswer:
        body = await _body_with_ids(here, await exchange.body())
        return await _forwarded(here, line, exchange.scope, exchange.header(b"content-type"), body)

    return metered(forward)


def metered(work: Work) -> Handler:
    """Return a handler that checks key and quota, works, and then counts the contacts that the work noted."""

    async def answer(exchange: Exchange) -> HttpAnswer:
        gateway: Gateway = exchange.scope["state"]["gateway"]
        caller = await identify(gateway.key_cache, gateway.limits, exchange.scope, exchange.header(b"authorization"))
        exchange.facts.update(account=caller.account, key=caller.public_id)
        quota = await gateway.limits.count(caller.public_id)
        try:
            quota.check(spends=True)
            permit(caller, "predict")
            here = AuthenticatedRequest(gateway, caller, exchange.request_id, quota, exchange.facts)
            return await work(here, exchange)
        finally:
            await quota.settle(exchange.facts.get("contacts", 0))
            exchange.answer_headers += quota.headers()

    return answer


def add_forwarding(app: FastAPI, table: tuple[Capability, ...] = TABLE) -> None:
    """Add the routes of all prefixes that services own."""
    for line in table:
        for prefix in line.prefixes:
            for path in (prefix, f"{prefix}/{{rest:path}}"):
                route = Route(path, _forwarding(line), methods=list(_METHODS), include_in_schema=False)
                app.router.routes.append(route)


def _forwarding(line: Capability) -> Callable[[Request], Awaitable[Response]]:
    async def forward(request: Request) -> Response:
        here = await authenticate(request, "read" if request.method in _READS else "predict")
        body = await body_of(request)
        answer = await _forwarded(here, line, request.scope, request.headers.get("content-type"), body)
        return answer.response()

    return forward


async def _forwarded(
    here: AuthenticatedRequest, line: Capability, scope: Scope, content_type: str | None, body: bytes
) -> HttpAnswer:
    """Let the service answer, and note about how many contacts."""
    left = here.quota.remaining_contacts
    request = ForwardedRequest(
        scope["method"], scope["path"], target_of(scope), content_type, body, here.caller, here.request_id, left
    )
    answer, contacts = await here.gateway.upstreams.answer(line, request)
    if answer.status == TOO_MANY and left is not None:  # the service knows how many are left, but not until when
        raise here.quota.refused(
            "contacts", f"This key may ask about {left:,} more contacts for now; ask about fewer, or wait."
        )
    if contacts is not None:
        here.facts["contacts"] = contacts
    return answer


async def _body_with_ids(here: AuthenticatedRequest, body: bytes) -> bytes:
    """Return the body of a prediction request, with ids in the place of e-mail addresses.

    Raises:
        MalformedJson: the body is not JSON, and may hold an address.
    """
    if not may_contain_email(body):
        return body
    return await run_in_threadpool(_replaced, body, here.store, identity_key(here))


def identity_key(here: AuthenticatedRequest) -> bytes:
    """Return the installation's key to the hashes of addresses."""
    return here.gateway.settings.identity_key.get_secret_value().encode()


_MARK: Final = b'"email"'
_KIND: Final = "email"


def may_contain_email(body: bytes) -> bool:
    """Whether a body may hold a contact with an address; cheap, because nearly none does."""
    return _MARK in body


def _replaced(body: bytes, store: AccountStore, key: bytes) -> bytes:
    content = parse_json(body)
    contacts = content.get("contacts") if isinstance(content, dict) else None
    if not isinstance(contacts, list):
        return body
    found = replace_emails_by_ids(contacts, store, key)
    return body if found is contacts else write_json({**content, "contacts": found})


def replace_emails_by_ids(contacts: list[Any], store: AccountStore, key: bytes) -> list[Any]:
    """Replace e-mail addresses by ids; addresses are neither kept nor forwarded.

    Args:
        contacts: of a prediction request, as parsed.
        store: of the account; read once for all contacts.
        key: the installation's identity key.

    Returns:
        The same list if no contact has an address. A contact whose address leads to nobody is marked as
        `unresolved`; the service answers it by a status, in its place.

    Raises:
        StoreUnavailable: the store cannot be read.
    """
    if not any(isinstance(one, dict) and _KIND in one for one in contacts):
        return contacts
    hashes = {place: address_hash(one[_KIND], key) for place, one in enumerate(contacts) if _has_address(one)}
    found = store.identities.contacts_of({(_KIND, one) for one in hashes.values() if one})
    ids = {key_hash: contact_id for (_, key_hash), contact_id in found.items()}
    return [
        _with_id(one, hashes.get(place), ids) if isinstance(one, dict) and _KIND in one else one
        for place, one in enumerate(contacts)
    ]


def _has_address(contact: Any) -> bool:
    return isinstance(contact, dict) and contact.get(_KIND) is not None


def address_hash(given: Any, key: bytes) -> str | None:
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
