"""Create and change subscriptions: fields are checked, secrets are drawn and sealed."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from pydantic import ValidationError

from shared.contracts.message import EXAMPLES
from shared.contracts.rows import Microseconds
from shared.contracts.seal import Seal
from shared.contracts.validation import mistakes
from shared.errors import BadRequest
from shared.store import SecretRow, SubscriptionRow
from shared.webhooks_out.connectors import CONNECTORS
from shared.webhooks_out.message import OutboundMessage, UnsupportedMessage
from shared.webhooks_out.signing import new_secret
from shared.webhooks_out.ssrf_guard import checked_url
from shared.webhooks_out.subscription_schemas import SubscriptionChanges, SubscriptionFields

MAX_DEPTH: Final = 12
_EXAMPLE_AT: Final = "2026-06-01T00:00:00Z"


def new_subscription(
    fields: SubscriptionFields, seal: Seal, at: Microseconds, *, allow_private: bool
) -> tuple[SubscriptionRow, SecretRow, str]:
    """Create a subscription and its first secret; `ssrf_guard.check_addresses` checks the addresses of its host.

    Args:
        fields: as requested.
        seal: encrypts secrets.
        at: now.
        allow_private: also http, and receivers inside the network.

    Returns:
        The two rows, and the secret to be shown once.

    Raises:
        BadRequest: the connector cannot do that; says where.
        AddressRefused: webhooks do not go there.
    """
    row = SubscriptionRow(
        subscription_id=f"sub_{secrets.token_hex(8)}",
        url=str(checked_url(fields.url, allow_private=allow_private)),
        event_types=tuple(fields.event_types),
        description=fields.description,
        connector=fields.connector,
        settings=_checked(fields.connector, fields.event_types, fields.settings),
        sealed_headers=_sealed(fields.headers, seal),
        model_changes=fields.model_changes,
        state="enabled",
        state_reason=None,
        state_at=at,
        failing_since=None,
        created_at=at,
    )
    secret, text = new_secret_of(row.subscription_id, seal, at)
    return row, secret, text


def new_secret_of(subscription_id: str, seal: Seal, at: Microseconds) -> tuple[SecretRow, str]:
    """Return a new random secret."""
    text = new_secret()
    return SecretRow(subscription_id, f"sec_{secrets.token_hex(6)}", seal.seal(text), at, None), text


def changed_subscription(
    row: SubscriptionRow, changes: SubscriptionChanges, seal: Seal, at: Microseconds, *, allow_private: bool
) -> SubscriptionRow:
    """Return a subscription with changes applied.

    Raises:
        BadRequest: the connector cannot do that; says where.
        AddressRefused: webhooks do not go there.
    """
    given = {name: value for name, value in changes if name in changes.model_fields_set and value is not None}
    headers, state = given.pop("headers", None), given.pop("state", None)
    if "url" in given:
        given["url"] = str(checked_url(given["url"], allow_private=allow_private))
    if "event_types" in given:
        given["event_types"] = tuple(given["event_types"])
    row = replace(row, **given)
    if {"event_types", "settings"} & given.keys():
        row = replace(row, settings=_checked(row.connector, row.event_types, row.settings))
    if headers is not None:
        row = replace(row, sealed_headers=_sealed(headers, seal))
    if state is not None and state != row.state:
        reason = None if state == "enabled" else "Set by PATCH."
        row = replace(row, state=state, state_reason=reason, state_at=at)
        if state == "enabled":
            row = replace(row, failing_since=None)
    return row


def header_names(row: SubscriptionRow) -> list[str]:
    """Return the names of the headers whose values are kept sealed."""
    return sorted(_kept_headers(row))


def opened_headers(row: SubscriptionRow, seal: Seal) -> dict[str, str]:
    """Return the subscription's own headers, opened.

    Raises:
        SettingsRefused: they were sealed with another identity key.
    """
    return {name: seal.opened(value) for name, value in _kept_headers(row).items()}


def _kept_headers(row: SubscriptionRow) -> dict[str, str]:
    kept: dict[str, str] = {} if row.sealed_headers is None else json.loads(row.sealed_headers)
    return kept


def _sealed(headers: Mapping[str, str], seal: Seal) -> str | None:
    return json.dumps({name: seal.seal(value) for name, value in headers.items()}) if headers else None


def _checked(connector: str | None, event_types: Sequence[str], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Check that a connector can send those types with these settings, by writing an example of each."""
    how = CONNECTORS[connector]
    foreign = sorted(set(event_types) - set(how.types))
    if foreign:
        raise _refused("/event_types", f"{connector} cannot tell {foreign[0]}; it can tell {', '.join(how.types)}.")
    if _depth(settings) > MAX_DEPTH:
        raise _refused("/settings", f"More than {MAX_DEPTH} levels.")
    try:
        read = how.settings.model_validate(dict(settings))
        written: dict[str, Any] = json.loads(read.model_dump_json())
        json.dumps(written, allow_nan=False).encode()
    except ValidationError as error:
        entries = [{**entry} for entry in error.errors(include_url=False)]
        raise BadRequest(
            "The settings do not fit the connector; `errors` says where.",
            errors=mistakes(entries, dict(settings), "/settings"),
        ) from error
    except ValueError as error:  # not a number, or half a character
        raise _refused("/settings", "A value cannot be written as JSON.") from error
    for kind in event_types:
        try:
            how.call("https://receiver.example", OutboundMessage(kind, _EXAMPLE_AT, EXAMPLES[kind]), read)
        except UnsupportedMessage as error:
            raise _refused("/settings", error.detail) from error
    return written


def _depth(value: Any) -> int:
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        found, depth = waiting.pop()
        deepest = max(deepest, depth)
        inner = found.values() if isinstance(found, Mapping) else found if isinstance(found, list) else ()
        waiting += [(one, depth + 1) for one in inner]
    return deepest


def _refused(pointer: str, detail: str) -> BadRequest:
    return BadRequest(
        "The request does not fit the contract; `errors` says where.", errors=[{"pointer": pointer, "detail": detail}]
    )
