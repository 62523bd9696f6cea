"""Trying a subscription out: one example, delivered now, and what came back."""

import secrets as randomness
from collections.abc import Sequence
from typing import NamedTuple

from shared.contracts.credentials import Seal
from shared.contracts.message import EXAMPLES, TEST_TYPE
from shared.contracts.rows import Microseconds
from shared.delivery.call import NotTellable
from shared.delivery.sender import ReceiverAnswer, Sender
from shared.delivery.telling import is_success, receiver_of, signed_call, told
from shared.errors import SettingsRefused
from shared.settings import DeliverySettings
from shared.store import SecretRow, SubscriptionRow


class Trial(NamedTuple):
    """What came of it."""

    webhook_id: str
    answer: ReceiverAnswer
    delivered: bool


async def tried(
    row: SubscriptionRow, secrets: Sequence[SecretRow], seal: Seal, at: Microseconds, *, kind: str,
    contact_id: str | None, settings: DeliverySettings,
) -> Trial:  # fmt: skip
    """Deliver an example.

    Args:
        row: the subscription.
        secrets: that sign.
        seal: opens them.
        at: now.
        kind: type of the example.
        contact_id: whose record a connector writes; None: the example's.
        settings: how long it may take, and where it may go.
    """
    data = {**EXAMPLES[kind]}
    if kind == TEST_TYPE:
        data["subscription_id"] = row.subscription_id
    if contact_id is not None:
        data["contact_id"] = contact_id
    webhook_id = f"test_{randomness.token_hex(12)}"
    try:
        call = signed_call(receiver_of(row, secrets, seal), webhook_id, told(kind, at, data), at)
    except (NotTellable, SettingsRefused) as error:
        return Trial(webhook_id, ReceiverAnswer(None, 0, error.code, error.detail, None), delivered=False)
    async with Sender(
        timeout_seconds=settings.webhook_timeout_seconds, allow_private=settings.webhook_allow_private
    ) as sender:
        answer = await sender.send(call)
    return Trial(webhook_id, answer, delivered=is_success(answer))
