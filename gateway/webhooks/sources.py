"""Create sources and their secrets; for the API and the command line."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from gateway.webhooks.provider import Provider
from gateway.webhooks.secrets import require_secret
from gateway.webhooks.source_cache import new_source_id
from shared.contracts.call import random_text
from shared.contracts.rows import Microseconds
from shared.contracts.seal import Seal
from shared.errors import BadRequest
from shared.store import SourceRow, SourceSecretRow

_TOPIC: Final = re.compile(r"arn:aws(?:-cn|-us-gov)?:sns:[a-z0-9-]{1,40}:[0-9]{12}:[A-Za-z0-9_.-]{1,256}")


def new_source(
    account: str,
    name: str,
    providers: Mapping[str, Provider],
    provider: str,
    *,
    secrets: Sequence[str],
    topics: Sequence[str],
    creates_contacts: bool,
    seal: Seal,
    at: Microseconds,
) -> SourceRow:
    """Create a source with an id that nobody can guess.

    Raises:
        BadRequest: there is no such provider, or nothing to verify its requests with.
    """
    if provider not in providers:
        raise BadRequest(f"There is no provider of that name: use {', '.join(sorted(providers))}.")
    sender = providers[provider]
    listens = _listens_to_topics(sender)
    if topics and not listens:
        raise BadRequest(f"Topics are Amazon's; {sender.title} proves its requests by a secret. {sender.secret_hint}")
    if not all(map(_TOPIC.fullmatch, topics)):
        raise BadRequest("A topic is no ARN of Amazon SNS: arn:aws:sns:<region>:<12 digits>:<name>.")
    if not (topics if listens else secrets):
        what = "a topic" if listens else "a secret"
        raise BadRequest(f"Give {what}, or nobody could tell a request from a forged one. {sender.secret_hint}")
    return SourceRow(
        account,
        new_source_id(),
        name,
        provider,
        creates_contacts,
        {"topics": list(topics)} if topics else {},
        at,
        secrets=tuple(new_secret(sender, secret, seal, at=at) for secret in secrets),
    )


def new_secret(provider: Provider, secret: str, seal: Seal, *, at: Microseconds) -> SourceSecretRow:
    """Seal a secret.

    Raises:
        BadRequest: the provider's secrets have another form, or anybody could guess it.
    """
    require_secret(provider, secret)
    return SourceSecretRow(f"sec_{random_text(12)}", seal.seal(secret), at)


def source_url(public_url: str, source: SourceRow) -> str:
    """Return the URL to paste at the provider.

    Args:
        public_url: how the gateway is reached from outside.
        source: whose address.
    """
    return f"{public_url.rstrip('/')}/webhooks/{source.provider}/{source.source_id}"


def _listens_to_topics(provider: Provider) -> bool:
    return getattr(provider, "listens_to_topics", False)
