"""Send one example to a subscription now, and return what came back."""

import secrets as randomness
from collections.abc import Sequence
from typing import NamedTuple

from shared.contracts.message import EXAMPLES, TEST_TYPE
from shared.contracts.rows import Microseconds
from shared.contracts.seal import Seal
from shared.errors import SettingsRefused
from shared.settings import DeliverySettings
from shared.store import SecretRow, SubscriptionRow
from shared.webhooks_out.message import UnsupportedMessage
from shared.webhooks_out.payload import is_success, outbound_message, receiver_of, signed_call
from shared.webhooks_out.sender import ReceiverAnswer, Sender


class SentTest(NamedTuple):
    """The result of a test."""

    webhook_id: str
    answer: ReceiverAnswer
    delivered: bool


async def send_test(
    row: SubscriptionRow, secrets: Sequence[SecretRow], seal: Seal, at: Microseconds, *, kind: str,
    contact_id: str | None, settings: DeliverySettings,
) -> SentTest:  # fmt: skip
    """Send an example.

    Args:
        row: the subscription.
        secrets: for the signature.
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
        call = signed_call(receiver_of(row, secrets, seal), webhook_id, outbound_message(kind, at, data), at)
    except (UnsupportedMessage, SettingsRefused) as error:
        return SentTest(webhook_id, ReceiverAnswer(None, 0, error.code, error.detail, None), delivered=False)
    async with Sender(
        timeout_seconds=settings.webhook_timeout_seconds, allow_private=settings.webhook_allow_private
    ) as sender:
        answer = await sender.send(call)
    return SentTest(webhook_id, answer, delivered=is_success(answer))
