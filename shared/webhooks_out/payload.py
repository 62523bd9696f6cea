"""Write a subscription and a message as a signed call, and decide from the answer what is next."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.contracts.rows import SECOND, Microseconds, instant_of
from shared.contracts.seal import Seal
from shared.store import AttemptResult, DueDelivery, SecretRow, SubscriptionRow
from shared.webhooks_out.connectors import CONNECTORS
from shared.webhooks_out.connectors.fields import ConnectorSettings
from shared.webhooks_out.message import HttpCall, OutboundMessage
from shared.webhooks_out.retries import retry_after_wait, wait_after
from shared.webhooks_out.sender import ReceiverAnswer
from shared.webhooks_out.signing import signatures
from shared.webhooks_out.subscriptions import opened_headers

GONE: Final = 410
_HOPELESS: Final = frozenset({400, 404, 410, 422})
"""Statuses of a CRM about a record that it does not have or does not accept: a retry changes nothing."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """A subscription with everything opened."""

    url: str
    connector: str | None
    settings: ConnectorSettings
    headers: Mapping[str, str]
    secrets: Sequence[str]

    @property
    def writes_records(self) -> bool:
        """Whether an answer is about one record of a CRM and not about the receiver."""
        return self.connector not in (None, "template")


def receiver_of(row: SubscriptionRow, secrets: Sequence[SecretRow], seal: Seal) -> Receiver:
    """Open a subscription.

    Raises:
        SettingsRefused: it was sealed with another identity key.
    """
    settings = CONNECTORS[row.connector].settings.model_validate(row.settings)
    opened = [seal.opened(secret.sealed) for secret in secrets]
    return Receiver(row.url, row.connector, settings, opened_headers(row, seal), opened)


def message_of(due: DueDelivery) -> OutboundMessage:
    """Read a message from the store."""
    return outbound_message(due.type, due.occurred_at, json.loads(due.data))


def outbound_message(kind: str, occurred_at: Microseconds, data: Mapping[str, Any]) -> OutboundMessage:
    """Return a message with its time as receivers read it.

    >>> outbound_message("batch.completed", 0, {}).timestamp
    '1970-01-01T00:00:00Z'
    """
    return OutboundMessage(kind, instant_of(occurred_at).isoformat().replace("+00:00", "Z"), data)


def signed_call(receiver: Receiver, webhook_id: str, message: OutboundMessage, at: Microseconds) -> HttpCall:
    """Return the signed call of one attempt.

    Args:
        receiver: to whom.
        webhook_id: the same at every attempt.
        message: what happened.
        at: now.

    Raises:
        NotTellable: the message does not fit the receiver.
    """
    call = CONNECTORS[receiver.connector].call(receiver.url, message, receiver.settings)
    timestamp = at // SECOND
    ours = {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signatures(webhook_id, timestamp, call.body, receiver.secrets),
    }
    return HttpCall(call.method, call.url, call.body, {**receiver.headers, **call.headers, **ours})


def is_success(answer: ReceiverAnswer) -> bool:
    """Whether a receiver accepted it: only 2xx; a redirect is a failure."""
    return answer.status is not None and 200 <= answer.status < 300


def attempt_result(
    due: DueDelivery, answer: ReceiverAnswer, *, at: Microseconds, now: Microseconds, draw: float,
    writes_records: bool = False, final: bool = False,
) -> AttemptResult:  # fmt: skip
    """Return the result of an attempt and when the next one is due.

    Args:
        due: the delivery.
        answer: what came back.
        at: when the attempt began.
        now: when it ended.
        draw: uniform from 0 to 1, for the jitter.
        writes_records: whether the receiver is a CRM, whose answers speak of one record.
        final: whether a retry would change nothing.
    """
    tries = due.tries + 1
    result = AttemptResult(
        due.delivery_id, due.subscription_id, at, answer.status, answer.milliseconds, answer.error, answer.response,
        state="delivered", due_at=now, tries=tries, gone=False,
    )  # fmt: skip
    if is_success(answer):
        return result
    if final or (writes_records and answer.status in _HOPELESS):
        return result._replace(state="failed", blames=False)
    if answer.status == GONE:
        return result._replace(state="failed", gone=True)
    wait = wait_after(tries, draw=draw, requested=retry_after_wait(answer.retry_after, now))
    return result._replace(state="failed") if wait is None else result._replace(state="pending", due_at=now + wait)
