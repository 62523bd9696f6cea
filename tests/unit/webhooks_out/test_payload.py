import base64
import json
import time
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from shared.contracts.rows import DAY, SECOND
from shared.contracts.seal import Seal
from shared.errors import BadRequest, SettingsRefused
from shared.store import DueDelivery
from shared.webhooks_out.payload import Receiver, attempt_result, is_success, outbound_message, receiver_of, signed_call
from shared.webhooks_out.sender import ReceiverAnswer
from shared.webhooks_out.signing import new_secret
from shared.webhooks_out.subscription_schemas import SubscriptionChanges, SubscriptionFields
from shared.webhooks_out.subscriptions import changed_subscription, new_subscription

SEAL = Seal(b"k" * 32)
DUE = DueDelivery("dlv_1", "sub_1", "score.band_changed", 0, "{}", 0)
NOW = round(datetime.now(UTC).timestamp()) * SECOND


def fields(**more: object) -> SubscriptionFields:
    return SubscriptionFields.model_validate(
        {"url": "https://a.example/in", "event_types": ["batch.completed"], **more}
    )


def receiver(*secrets: str) -> Receiver:
    row, _, _ = new_subscription(fields(headers={"Authorization": "Bearer x"}), SEAL, 1, allow_private=False)
    opened = receiver_of(row, [], SEAL)
    return Receiver(opened.url, opened.connector, opened.settings, opened.headers, secrets)


def answer(status: int | None, retry_after: str | None = None) -> ReceiverAnswer:
    return ReceiverAnswer(status, 7, None if status else "timeout", None, retry_after)


def test_a_secret_is_32_random_bytes_in_base64() -> None:
    first, second = new_secret(), new_secret()

    assert first.startswith("whsec_")
    assert len(base64.b64decode(first[6:], validate=True)) == 32
    assert first != second


def test_the_public_library_verifies_our_signature_with_either_secret() -> None:
    old, new, foreign = new_secret(), new_secret(), new_secret()
    message = outbound_message("batch.completed", 0, {"name": "Zoë"})

    # The library takes what is at most five minutes old; the suite may have begun before that.
    call = signed_call(receiver(new, old), "dlv_1", message, int(time.time() * SECOND))

    assert Webhook(old).verify(call.body, dict(call.headers))["data"] == {"name": "Zoë"}
    assert Webhook(new).verify(call.body, dict(call.headers))["type"] == "batch.completed"
    with pytest.raises(WebhookVerificationError):
        Webhook(foreign).verify(call.body, dict(call.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(new).verify(call.body + b" ", dict(call.headers))


def test_an_id_stays_and_the_time_is_that_of_the_attempt() -> None:
    message = outbound_message("batch.completed", 0, {})
    calls = [signed_call(receiver(new_secret()), "dlv_1", message, at * SECOND) for at in (100, 400)]

    assert [call.headers["webhook-id"] for call in calls] == ["dlv_1", "dlv_1"]
    assert [call.headers["webhook-timestamp"] for call in calls] == ["100", "400"]
    assert calls[0].body == calls[1].body
    assert json.loads(calls[0].body)["timestamp"] == "1970-01-01T00:00:00Z"
    assert calls[0].headers["Authorization"] == "Bearer x"


@pytest.mark.parametrize(
    ("status", "succeeds"),
    [(200, True), (204, True), (299, True), (199, False), (301, False), (304, False), (400, False), (None, False)],
)
def test_only_2xx_is_success(status: int | None, succeeds: bool) -> None:
    assert is_success(answer(status)) is succeeds


def test_a_failure_is_tried_again_as_scheduled_or_as_requested() -> None:
    plain = attempt_result(DUE, answer(500), at=1, now=NOW, draw=0.0)
    requested = attempt_result(DUE, answer(429, "3600"), at=1, now=NOW, draw=0.0)
    last = attempt_result(DUE._replace(tries=9), answer(None), at=1, now=NOW, draw=0.0)

    assert (plain.state, plain.due_at, plain.tries) == ("pending", NOW + 5 * SECOND, 1)
    assert (requested.state, requested.due_at) == ("pending", NOW + 3_600 * SECOND)
    assert (last.state, last.tries, last.error) == ("failed", 10, "timeout")


def test_gone_ends_the_subscription_but_not_that_of_a_crm_where_one_record_is() -> None:
    ours = attempt_result(DUE, answer(410), at=1, now=NOW, draw=0.0)
    record = attempt_result(DUE, answer(410), at=1, now=NOW, draw=0.0, writes_records=True)
    missing = attempt_result(DUE, answer(404), at=1, now=NOW, draw=0.0, writes_records=True)
    token = attempt_result(DUE, answer(401), at=1, now=NOW, draw=0.0, writes_records=True)

    assert [(one.state, one.gone, one.blames) for one in (ours, record, missing, token)] == [
        ("failed", True, True), ("failed", False, False), ("failed", False, False), ("pending", False, True),
    ]  # fmt: skip


def test_what_cannot_be_sent_is_not_tried_again() -> None:
    assert attempt_result(DUE, answer(None), at=1, now=NOW, draw=0.0, final=True).state == "failed"


def test_a_subscription_sealed_with_another_key_says_so() -> None:
    row, secret, _ = new_subscription(fields(), SEAL, 1, allow_private=False)

    with pytest.raises(SettingsRefused, match="FORETELL_IDENTITY_KEY"):
        receiver_of(row, [secret], Seal(b"o" * 32))


def test_secrets_and_headers_are_kept_sealed() -> None:
    row, secret, text = new_subscription(fields(headers={"Authorization": "Bearer x"}), SEAL, 1, allow_private=False)

    assert text not in secret.sealed
    assert "Bearer" not in repr(row)
    assert receiver_of(row, [secret], SEAL).secrets == [text]


@pytest.mark.parametrize(
    "more",
    [
        {"connector": "dynamics"},
        {"connector": "dynamics", "event_types": ["score.band_changed"], "settings": {"entity": "x"}},
        {"connector": "hubspot", "event_types": ["send_time.changed"]},
        {"connector": "template", "settings": {}},
        {"connector": "template", "settings": {"body": "{{ data.nothing }}"}},
        {"connector": "template", "settings": {"body": float("nan")}},
        {"connector": "template", "settings": {"body": "\ud800"}},
        {"connector": "template", "settings": {"body": {"\ud800": 1}}},
        {"settings": {"anything": 1}},
        {"url": "https://10.0.0.1/"},
    ],
)
def test_what_could_never_be_delivered_is_refused_when_it_is_made(more: dict[str, object]) -> None:
    with pytest.raises(BadRequest):
        new_subscription(fields(**more), SEAL, 1, allow_private=False)


def test_a_deep_body_is_refused_and_not_a_crash() -> None:
    deep: object = 1
    for _ in range(5_000):
        deep = [deep]

    with pytest.raises(BadRequest, match="errors"):
        new_subscription(fields(connector="template", settings={"body": deep}), SEAL, 1, allow_private=False)


def test_only_what_is_given_changes() -> None:
    row, _, _ = new_subscription(fields(description="ours", headers={"X-A": "1"}), SEAL, 1, allow_private=False)

    paused = changed_subscription(row, SubscriptionChanges(state="paused"), SEAL, 9, allow_private=False)
    again = changed_subscription(
        paused, SubscriptionChanges(state="enabled", headers={}), SEAL, 2 * DAY, allow_private=False
    )

    assert (paused.state, paused.state_at, paused.description, paused.sealed_headers) == (
        "paused", 9, "ours", row.sealed_headers,
    )  # fmt: skip
    assert (again.state, again.state_reason, again.failing_since, again.sealed_headers) == ("enabled", None, None, None)
