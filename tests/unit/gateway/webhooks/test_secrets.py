"""Secrets are judged by their form when they are set, and stored ones are named."""

import logging

import pytest

from gateway.webhooks.providers import PROVIDERS
from gateway.webhooks.source_cache import SourceCache, new_source_id
from gateway.webhooks.sources import new_secret, new_source
from shared.contracts.seal import Seal
from shared.errors import BadRequest
from shared.store import SourceRow, SourceSecretRow

SEAL = Seal(b"k" * 32)
KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
TAKEN = {name: KEY for name in PROVIDERS if name != "ses"} | {
    "standard": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "resend": "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "brevo": f"us:{KEY}",
    "postmark": f"us:{KEY}",
}


@pytest.mark.parametrize("name", [name for name in TAKEN if name != "sendgrid"])
def test_a_providers_secret_is_taken(name: str) -> None:
    assert SEAL.opened(new_secret(PROVIDERS[name], TAKEN[name], SEAL, at=1).sealed) == TAKEN[name]


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize("secret", ["whsec_AAAA", "AAAA", "s3cret", "user:s3cret", "a" * 40, f"{KEY[:20]} {KEY[20:]}"])
def test_what_anybody_could_guess_is_refused_and_not_repeated(name: str, secret: str) -> None:
    with pytest.raises(BadRequest) as refused:
        new_secret(PROVIDERS[name], secret, SEAL, at=1)

    assert secret not in refused.value.detail


@pytest.mark.parametrize(
    ("provider", "topics", "why"),
    [
        ("ses", [], "a topic"),
        ("ses", ["mail"], "no ARN"),
        ("ses", ["arn:aws:sns:eu-west-1:12:mail"], "no ARN"),
        ("postmark", ["arn:aws:sns:eu-west-1:123456789012:mail"], "Topics are Amazon's"),
        ("postmark", [], "a secret"),
    ],
)
def test_a_source_needs_what_its_provider_proves_itself_by(provider: str, topics: list[str], why: str) -> None:
    with pytest.raises(BadRequest, match=why):
        new_source(
            "acme", "mail", PROVIDERS, provider, secrets=[], topics=topics, creates_contacts=False, seal=SEAL, at=1
        )


def test_stored_weak_secrets_are_named_once_and_guessable_ones_prove_nothing(caplog: pytest.LogCaptureFixture) -> None:
    given = {"weak": "user:password1", "guessable": "s3cret", "good": KEY}
    secrets = tuple(SourceSecretRow(name, SEAL.seal(text), 1) for name, text in given.items())
    row = SourceRow("acme", new_source_id(), "mail", "postmark", True, {}, 1, secrets=secrets)

    class Store:
        def source(self, source_id: str) -> SourceRow:
            return row

    source_cache = SourceCache(Store(), SEAL, fresh_seconds=0, providers=PROVIDERS)

    with caplog.at_level(logging.WARNING):
        known = [source_cache.source(row.source_id, 2) for _ in range(2)][-1]

    assert known is not None
    assert known.credentials(2).secrets == ["user:password1", KEY]
    named = [(one.secret, one.believed) for one in caplog.records if one.message == "webhooks.weak_secret"]  # type: ignore[attr-defined]
    assert named == [("weak", True), ("guessable", False)]
    assert "password1" not in caplog.text
