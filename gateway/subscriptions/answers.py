"""From rows of the store to what is answered."""

import json
from collections.abc import Sequence
from datetime import datetime

from gateway.context import Visit, now
from gateway.subscriptions.schemas import (
    AttemptAnswer,
    DeliveryAnswer,
    DeliveryDetail,
    SubscriptionAnswer,
    SubscriptionSecret,
    WaitingCounts,
)
from shared.contracts.credentials import Seal
from shared.contracts.rows import Microseconds, instant_of
from shared.delivery.subscribing import header_names
from shared.store import AttemptRow, DeliveryRow, SecretRow, SubscriptionCounts, SubscriptionRow


def seal_of(visit: Visit) -> Seal:
    """Take the seal of this installation."""
    return Seal(visit.gateway.settings.identity_key.get_secret_value().encode())


def subscription_answers(visit: Visit, rows: Sequence[SubscriptionRow]) -> list[SubscriptionAnswer]:
    """Show subscriptions with their secrets and what waits."""
    secrets, counts = visit.store.subscriptions.secrets(now()), visit.store.subscriptions.counts()
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
    """Show secrets without their texts."""
    return [
        SubscriptionSecret(
            id=secret.secret_id,
            created_at=instant_of(secret.created_at),
            expires_at=instant_or_none(secret.expires_at),
        )
        for secret in secrets
    ]


def delivery_answer(row: DeliveryRow) -> DeliveryAnswer:
    """Show a delivery."""
    return DeliveryAnswer(
        id=row.delivery_id,
        subscription_id=row.subscription_id,
        message_id=row.message_id,
        type=row.type,
        contact_id=row.contact_id,
        state=row.state,
        due_at=instant_of(row.due_at) if row.state == "pending" else None,
        attempts=row.attempts,
        created_at=instant_of(row.created_at),
        ended_at=instant_or_none(row.ended_at),
    )


def delivery_detail(row: DeliveryRow, attempts: Sequence[AttemptRow]) -> DeliveryDetail:
    """Show a delivery with everything."""
    tried = [
        AttemptAnswer(
            number=one.number,
            attempted_at=instant_of(one.attempted_at),
            status=one.status,
            milliseconds=one.milliseconds,
            error=one.error,
            response=one.response,
        )
        for one in attempts
    ]
    return DeliveryDetail(**delivery_answer(row).model_dump(), data=json.loads(row.data), tried=tried)


def instant_or_none(at: Microseconds | None) -> datetime | None:
    """Tell an instant, if there is one."""
    return None if at is None else instant_of(at)
