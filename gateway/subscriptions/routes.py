"""Routes of subscriptions: created, listed, changed, tested; their secrets."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from gateway.context import (
    AdminScope,
    AdminScopeNoWrites,
    AuthenticatedRequest,
    ReadScope,
    created_response,
    json_response,
)
from gateway.idempotency import idempotent
from gateway.subscriptions.schemas import (
    ID,
    NewSecret,
    RotateRequest,
    SubscriptionAnswer,
    SubscriptionCreated,
    SubscriptionList,
    SubscriptionSecret,
    TrialRequest,
    TrialResponse,
    WaitingCounts,
)
from shared.contracts.rows import HOUR, instant_of, instant_or_none, now_us
from shared.contracts.seal import Seal
from shared.errors import NotFound
from shared.store import SecretRow, SubscriptionCounts, SubscriptionRow
from shared.webhooks_out.ssrf_guard import check_addresses, checked_url
from shared.webhooks_out.subscription_schemas import SubscriptionChanges, SubscriptionFields
from shared.webhooks_out.subscriptions import changed_subscription, header_names, new_secret_of, new_subscription
from shared.webhooks_out.test_send import send_test

router = APIRouter(tags=["subscriptions"])


async def _made(authenticated: AdminScope, fields: SubscriptionFields) -> tuple[SubscriptionRow, SecretRow, str]:
    """Create the subscription's rows; its host is resolved before the route and its transaction begin."""
    private = authenticated.gateway.settings.webhook_allow_private
    # In a thread: compiling a template takes a while.
    made = await asyncio.to_thread(new_subscription, fields, seal_of(authenticated), now_us(), allow_private=private)
    await check_addresses(checked_url(made[0].url, allow_private=private), allow_private=private)
    return made


async def _reachable(authenticated: AdminScope, changes: SubscriptionChanges) -> SubscriptionChanges:
    """Check the addresses of a new URL, before the route and its transaction begin."""
    private = authenticated.gateway.settings.webhook_allow_private
    if changes.url is not None:
        await check_addresses(checked_url(changes.url, allow_private=private), allow_private=private)
    return changes


Made = Annotated[tuple[SubscriptionRow, SecretRow, str], Depends(_made)]
Changes = Annotated[SubscriptionChanges, Depends(_reachable)]
SubscriptionId = Annotated[str, Path(pattern=ID, description="Of the subscription.")]


@router.post(
    "/subscriptions",
    response_model=SubscriptionCreated,
    status_code=201,
    operation_id="add_subscription",
    summary="Subscribe to what changes",
)
@idempotent
def add_subscription(authenticated: AdminScope, made: Made) -> Response:
    """Have messages of some types delivered to a URL, signed; the secret is in this answer and in no other."""
    row, secret, text = made
    authenticated.store.subscriptions.create(row, secret)
    answer = SubscriptionCreated(**_answer(authenticated, row).model_dump(), secret=text)
    return created_response(authenticated, answer, f"/subscriptions/{row.subscription_id}")


@router.get(
    "/subscriptions", response_model=SubscriptionList, operation_id="list_subscriptions", summary="List subscriptions"
)
def list_subscriptions(authenticated: ReadScope) -> Response:
    """List who is told what, and how that goes."""
    return json_response(
        SubscriptionList(subscriptions=subscription_answers(authenticated, authenticated.store.subscriptions.all()))
    )


@router.get(
    "/subscriptions/{subscription_id}",
    response_model=SubscriptionAnswer,
    operation_id="show_subscription",
    summary="Show a subscription",
)
def show_subscription(authenticated: ReadScope, subscription_id: SubscriptionId) -> Response:
    """Show a subscription: its state and why, since when it fails, what waits."""
    return json_response(_answer(authenticated, _known(authenticated, subscription_id)))


@router.patch(
    "/subscriptions/{subscription_id}",
    response_model=SubscriptionAnswer,
    operation_id="change_subscription",
    summary="Change, pause or resume a subscription",
)
@idempotent
def change_subscription(authenticated: AdminScope, subscription_id: SubscriptionId, changes: Changes) -> Response:
    """Change what is said and leave the rest; `state: enabled` delivers what waited while it was paused."""
    known = _known(authenticated, subscription_id)
    private = authenticated.gateway.settings.webhook_allow_private
    row = changed_subscription(known, changes, seal_of(authenticated), now_us(), allow_private=private)
    authenticated.store.subscriptions.update(known, row)
    return json_response(_answer(authenticated, row))


@router.delete(
    "/subscriptions/{subscription_id}",
    status_code=204,
    operation_id="delete_subscription",
    summary="Delete a subscription",
)
@idempotent
def delete_subscription(authenticated: AdminScope, subscription_id: SubscriptionId) -> Response:
    """Delete a subscription with its secrets and deliveries; what waits is not delivered."""
    authenticated.store.subscriptions.delete(subscription_id)
    return Response(status_code=204)


@router.post(
    "/subscriptions/{subscription_id}/secrets",
    response_model=NewSecret,
    status_code=201,
    operation_id="add_subscription_secret",
    summary="Replace the secret of a subscription",
)
@idempotent
def rotate_secret(authenticated: AdminScope, subscription_id: SubscriptionId, rotation: RotateRequest) -> Response:
    """Sign with another secret from now on, and with the old one beside it for a while: either verifies."""
    at = now_us()
    secret, text = new_secret_of(subscription_id, seal_of(authenticated), at)
    authenticated.store.subscriptions.add_secret(secret, retire_at=at + round(rotation.overlap_hours * HOUR))
    valid = authenticated.store.subscriptions.secrets(now_us()).get(subscription_id, [])
    answer = NewSecret(secret=text, secrets=secret_answers(valid))
    return created_response(authenticated, answer, f"/subscriptions/{subscription_id}")


@router.post(
    "/subscriptions/{subscription_id}/test",
    response_model=TrialResponse,
    operation_id="test_subscription",
    summary="Try a subscription out",
)
async def test_subscription(
    authenticated: AdminScopeNoWrites, subscription_id: SubscriptionId, body: TrialRequest
) -> Response:
    """Deliver an example now, whatever the state, and answer what came back; it is not tried again."""
    row = await asyncio.to_thread(_known, authenticated, subscription_id)
    secrets = await asyncio.to_thread(authenticated.store.subscriptions.secrets, now_us())
    found = await send_test(
        row,
        secrets.get(subscription_id, []),
        seal_of(authenticated),
        now_us(),
        kind=body.type,
        contact_id=body.contact_id,
        settings=authenticated.gateway.settings,
    )
    return json_response(
        TrialResponse(
            delivered=found.delivered,
            webhook_id=found.webhook_id,
            status=found.answer.status,
            milliseconds=found.answer.milliseconds,
            error=found.answer.error,
            response=found.answer.response,
        )
    )


def _known(authenticated: AuthenticatedRequest, subscription_id: str) -> SubscriptionRow:
    row = authenticated.store.subscriptions.find(subscription_id)
    if row is None:
        raise NotFound("There is no subscription of this id in this account; GET /subscriptions lists them.")
    return row


def _answer(authenticated: AuthenticatedRequest, row: SubscriptionRow) -> SubscriptionAnswer:
    return subscription_answers(authenticated, [row])[0]


def seal_of(authenticated: AuthenticatedRequest) -> Seal:
    """Return the seal of this installation."""
    return Seal(authenticated.gateway.settings.identity_key.get_secret_value().encode())


def subscription_answers(
    authenticated: AuthenticatedRequest, rows: Sequence[SubscriptionRow]
) -> list[SubscriptionAnswer]:
    """Return subscriptions with their secrets and the counts of waiting deliveries."""
    secrets, counts = authenticated.store.subscriptions.secrets(now_us()), authenticated.store.subscriptions.counts()
    return [_subscription(row, secrets.get(row.subscription_id, []), counts.get(row.subscription_id)) for row in rows]


def _subscription(
    row: SubscriptionRow, secrets: Sequence[SecretRow], counts: SubscriptionCounts | None
) -> SubscriptionAnswer:
    pending, failed = counts or (0, 0)
    return SubscriptionAnswer.model_validate(
        {
            "id": row.subscription_id,
            "url": row.url,
            "event_types": row.event_types,
            "description": row.description,
            "connector": row.connector,
            "settings": row.settings,
            "header_names": header_names(row),
            "model_changes": row.model_changes,
            "state": row.state,
            "state_reason": row.state_reason,
            "state_at": instant_of(row.state_at),
            "failing_since": instant_or_none(row.failing_since),
            "counts": WaitingCounts(pending=pending, failed=failed),
            "secrets": secret_answers(secrets),
            "created_at": instant_of(row.created_at),
        }
    )


def secret_answers(secrets: Sequence[SecretRow]) -> list[SubscriptionSecret]:
    """Return secrets without their texts."""
    return [
        SubscriptionSecret(
            id=secret.secret_id,
            created_at=instant_of(secret.created_at),
            expires_at=instant_or_none(secret.expires_at),
        )
        for secret in secrets
    ]
