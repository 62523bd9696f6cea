"""Routes of subscriptions: made, listed, changed, tried out; their secrets."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from gateway.context import Administering, Reading, Trying, Visit, created, json_of, now
from gateway.idempotency import once
from gateway.subscriptions.answers import seal_of, secret_answers, subscription_answers
from gateway.subscriptions.schemas import (
    ID,
    NewSecret,
    RotateRequest,
    SubscriptionAnswer,
    SubscriptionCreated,
    SubscriptionList,
    TrialRequest,
    TrialResponse,
)
from shared.contracts.rows import HOUR
from shared.delivery.guard import checked, resolve
from shared.delivery.subscribing import changed, new_secret_of, new_subscription
from shared.delivery.trial import tried
from shared.delivery.wishes import SubscriptionChanges, SubscriptionFields
from shared.errors import NotFound
from shared.store import SecretRow, SubscriptionRow

router = APIRouter(tags=["subscriptions"])


async def _made(visit: Administering, fields: SubscriptionFields) -> tuple[SubscriptionRow, SecretRow, str]:
    """Make what was said; the name is resolved before the route and its transaction begin."""
    private = visit.gateway.settings.webhook_allow_private
    # In a thread: compiling a template takes a while.
    made = await asyncio.to_thread(new_subscription, fields, seal_of(visit), now(), allow_private=private)
    await resolve(checked(made[0].url, allow_private=private), allow_private=private)
    return made


async def _reachable(visit: Administering, changes: SubscriptionChanges) -> SubscriptionChanges:
    """Check where another URL leads, before the route and its transaction begin."""
    private = visit.gateway.settings.webhook_allow_private
    if changes.url is not None:
        await resolve(checked(changes.url, allow_private=private), allow_private=private)
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
@once
def add_subscription(visit: Administering, made: Made) -> Response:
    """Have messages of some types delivered to a URL, signed; the secret is in this answer and in no other."""
    row, secret, text = made
    visit.store.subscriptions.create(row, secret)
    answer = SubscriptionCreated(**_answer(visit, row).model_dump(), secret=text)
    return created(visit, answer, f"/subscriptions/{row.subscription_id}")


@router.get(
    "/subscriptions", response_model=SubscriptionList, operation_id="list_subscriptions", summary="List subscriptions"
)
def list_subscriptions(visit: Reading) -> Response:
    """List who is told what, and how that goes."""
    return json_of(SubscriptionList(subscriptions=subscription_answers(visit, visit.store.subscriptions.all())))


@router.get(
    "/subscriptions/{subscription_id}",
    response_model=SubscriptionAnswer,
    operation_id="show_subscription",
    summary="Show a subscription",
)
def show_subscription(visit: Reading, subscription_id: SubscriptionId) -> Response:
    """Show a subscription: its state and why, since when it fails, what waits."""
    return json_of(_answer(visit, _known(visit, subscription_id)))


@router.patch(
    "/subscriptions/{subscription_id}",
    response_model=SubscriptionAnswer,
    operation_id="change_subscription",
    summary="Change, pause or resume a subscription",
)
@once
def change_subscription(visit: Administering, subscription_id: SubscriptionId, changes: Changes) -> Response:
    """Change what is said and leave the rest; `state: enabled` delivers what waited while it was paused."""
    known = _known(visit, subscription_id)
    private = visit.gateway.settings.webhook_allow_private
    row = changed(known, changes, seal_of(visit), now(), allow_private=private)
    visit.store.subscriptions.update(known, row)
    return json_of(_answer(visit, row))


@router.delete(
    "/subscriptions/{subscription_id}",
    status_code=204,
    operation_id="delete_subscription",
    summary="Delete a subscription",
)
@once
def delete_subscription(visit: Administering, subscription_id: SubscriptionId) -> Response:
    """Delete a subscription with its secrets and deliveries; what waits is not delivered."""
    visit.store.subscriptions.delete(subscription_id)
    return Response(status_code=204)


@router.post(
    "/subscriptions/{subscription_id}/secrets",
    response_model=NewSecret,
    status_code=201,
    operation_id="add_subscription_secret",
    summary="Replace the secret of a subscription",
)
@once
def rotate_secret(visit: Administering, subscription_id: SubscriptionId, rotation: RotateRequest) -> Response:
    """Sign with another secret from now on, and with the old one beside it for a while: either verifies."""
    at = now()
    secret, text = new_secret_of(subscription_id, seal_of(visit), at)
    visit.store.subscriptions.add_secret(secret, retire_at=at + round(rotation.overlap_hours * HOUR))
    valid = visit.store.subscriptions.secrets(now()).get(subscription_id, [])
    answer = NewSecret(secret=text, secrets=secret_answers(valid))
    return created(visit, answer, f"/subscriptions/{subscription_id}")


@router.post(
    "/subscriptions/{subscription_id}/test",
    response_model=TrialResponse,
    operation_id="test_subscription",
    summary="Try a subscription out",
)
async def test_subscription(visit: Trying, subscription_id: SubscriptionId, trial: TrialRequest) -> Response:
    """Deliver an example now, whatever the state, and answer what came back; it is not tried again."""
    row = await asyncio.to_thread(_known, visit, subscription_id)
    secrets = await asyncio.to_thread(visit.store.subscriptions.secrets, now())
    found = await tried(
        row,
        secrets.get(subscription_id, []),
        seal_of(visit),
        now(),
        kind=trial.type,
        contact_id=trial.contact_id,
        settings=visit.gateway.settings,
    )
    return json_of(
        TrialResponse(
            delivered=found.delivered,
            webhook_id=found.webhook_id,
            status=found.answer.status,
            milliseconds=found.answer.milliseconds,
            error=found.answer.error,
            response=found.answer.response,
        )
    )


def _known(visit: Visit, subscription_id: str) -> SubscriptionRow:
    row = visit.store.subscriptions.find(subscription_id)
    if row is None:
        raise NotFound("There is no subscription of this id in this account; GET /subscriptions lists them.")
    return row


def _answer(visit: Visit, row: SubscriptionRow) -> SubscriptionAnswer:
    return subscription_answers(visit, [row])[0]
