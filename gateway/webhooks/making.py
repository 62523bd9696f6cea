"""New sources and new secrets of sources; for the API and the command line."""

from collections.abc import Mapping, Sequence

from gateway.webhooks.provider import Provider
from gateway.webhooks.sourcebook import new_source_id
from shared.contracts.key import random_text
from shared.contracts.rows import Microseconds
from shared.contracts.sealed import Seal
from shared.errors import BadRequest
from shared.store import SourceRow, SourceSecretRow


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
    """Make a source that nobody can guess.

    Raises:
        BadRequest: there is no such provider, or nothing by which its requests could be told from forged ones.
    """
    if provider not in providers:
        raise BadRequest(f"There is no provider of that name: use {', '.join(sorted(providers))}.")
    if not secrets and not topics:
        hint = providers[provider].secret_hint
        raise BadRequest(f"Give a secret, or nobody could tell a request from a forged one. {hint}")
    return SourceRow(
        account,
        new_source_id(),
        name,
        provider,
        creates_contacts,
        {"topics": list(topics)} if topics else {},
        at,
        secrets=tuple(new_secret(secret, seal, at=at) for secret in secrets),
    )


def new_secret(secret: str, seal: Seal, *, at: Microseconds) -> SourceSecretRow:
    """Seal a secret."""
    return SourceSecretRow(f"sec_{random_text(12)}", seal.seal(secret), at)


def address(public_url: str, source: SourceRow) -> str:
    """Tell what to paste at the provider.

    Args:
        public_url: how the gateway is reached from outside.
        source: whose address.
    """
    return f"{public_url.rstrip('/')}/webhooks/{source.provider}/{source.source_id}"
