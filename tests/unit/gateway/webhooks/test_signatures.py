"""Proof: secrets, signatures and clocks."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.webhooks import signatures
from gateway.webhooks.provider import Credentials, SignedRequest, WebhookRefused

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def request_with(headers: Mapping[str, str]) -> SignedRequest:
    return SignedRequest(b"{}", headers, "https://foretell.example/webhooks/postmark/s-1", "POST", NOON)


def basic(text: str) -> Mapping[str, str]:
    return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}


@pytest.mark.parametrize("secrets", [[], [""], ["  "]])
def test_without_a_secret_nothing_is_proved(secrets: list[str]) -> None:
    with pytest.raises(WebhookRefused, match="no active secret"):
        signatures.require_shared_secret(request_with(basic("")), Credentials(secrets))


@pytest.mark.parametrize(
    "headers",
    [
        basic("user:new"),
        basic("user:old"),
        {"authorization": "bearer user:new"},
        {"x-foretell-secret": "user:old"},
    ],
)
def test_any_active_secret_is_enough_in_any_of_three_places(headers: Mapping[str, str]) -> None:
    signatures.require_shared_secret(request_with(headers), Credentials(["user:old", "user:new"]))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("user:wrong"),
        basic("user:olds"),
        basic("user:ol"),
        {"authorization": "Basic"},
        {"authorization": "Basic !!!"},
        {"authorization": "Basic dXNlcjpvbGQ"},
        {"authorization": "Basic dXNlcjpvbGQ=, Basic dXNlcjpvbGQ="},
        {"authorization": "Digest dXNlcjpvbGQ="},
        {"authorization": "Bearer üser:old"},
        {"authorization": "user:old"},
        {"x-foretell-secret": "user:wrong", **basic("user:old")},
    ],
    ids=range(12),
)
def test_other_credentials_are_refused(headers: Mapping[str, str]) -> None:
    with pytest.raises(WebhookRefused):
        signatures.require_shared_secret(request_with(headers), Credentials(["user:old"]))


@given(header=st.text(max_size=40))
def test_no_header_is_more_than_refused(header: str) -> None:
    with pytest.raises(WebhookRefused):
        signatures.require_shared_secret(request_with({"authorization": header}), Credentials(["a secret of ours"]))


@pytest.mark.parametrize(("age", "fresh"), [(300, True), (301, False), (-300, True), (-301, False), (0, True)])
def test_a_timestamp_is_fresh_for_five_minutes_either_way(age: int, *, fresh: bool) -> None:
    at = NOON - timedelta(seconds=age)

    if fresh:
        signatures.require_fresh(at, NOON)
    else:
        with pytest.raises(WebhookRefused, match=r"older|ahead"):
            signatures.require_fresh(at, NOON)


def test_a_signed_timestamp_is_digits() -> None:
    assert signatures.signed_at("1780315200") == NOON
    assert signatures.signed_at("1780315200000", milliseconds=True) == NOON
    for wrong in ("", "-1", "1.5", "1e9", "٣", "9" * 15, "9" * 400, "NaN", "1780315200, 1780315200"):
        with pytest.raises(WebhookRefused):
            signatures.signed_at(wrong)


def test_a_missing_or_endless_header_is_refused() -> None:
    for headers in ({}, {"x-signature": " "}, {"x-signature": "a" * 5_000}):
        with pytest.raises(WebhookRefused, match="x-signature"):
            signatures.header(request_with(headers), "x-signature")
