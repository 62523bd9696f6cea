"""The form that a source's secret must have, so that nobody can guess it: checked when it is set, and when stored."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from gateway.webhooks.provider import Provider, SecretProblem
from shared.contracts.seal import Seal
from shared.errors import BadRequest, SettingsRefused
from shared.store import SourceRow, SourceSecretRow

MIN_CHARACTERS: Final = 16
"""The least length of a provider's own key; of `user:password` the length of the password."""
MIN_DIFFERENT: Final = 6
"""A secret with fewer different characters is a placeholder."""
GUESSABLE: Final = 8
"""Shorter secrets are refused even if they are stored, because they can be guessed by trying."""


class StoredProblem(NamedTuple):
    """A stored secret that would be refused today."""

    secret_id: str
    detail: str
    believed: bool
    """False: requests that it signs are refused."""

    @property
    def sentence(self) -> str:
        """The message for the account."""
        return f"{self.detail} {'Replace it.' if self.believed else 'It proves nothing any more: replace it.'}"


def key_problem(secret: str, *, length: int | None = None) -> SecretProblem | None:
    """Return what is wrong with a provider's key or an own secret; None: nothing.

    >>> key_problem("0123456789abcdef"), key_problem("short").guessable
    (None, True)

    Args:
        secret: as given; space around it does not count.
        length: of the decoded key, in bytes; None: of the secret itself, in characters.
    """
    text = secret.strip()
    held = len(text) if length is None else length
    if any(one.isspace() for one in text):
        return SecretProblem("It holds a space or a line break: copy it again.", guessable=held < GUESSABLE)
    if held < MIN_CHARACTERS:
        detail = f"It has {held} characters; give at least {MIN_CHARACTERS} that nobody can guess."
        return SecretProblem(detail, guessable=held < GUESSABLE)
    if len(set(text)) < MIN_DIFFERENT:
        return SecretProblem("It has hardly any different characters, as a placeholder has.", guessable=True)
    return None


def own_secret_problem(secret: str) -> SecretProblem | None:
    """Return what is wrong with an own token, or with the password of `user:password`."""
    user, colon, password = secret.strip().partition(":")
    return key_problem((password or user) if colon else secret)


def require_secret(provider: Provider, secret: str) -> None:
    """Check that a secret has the form of the provider's secrets.

    Raises:
        BadRequest: it has not; says what is wrong, never the secret.
    """
    problem = provider.secret_problem(secret)
    if problem is not None:
        raise BadRequest(f"This is no secret of {provider.title}: {problem.detail} {provider.secret_hint}")


def stored_problems(source: SourceRow, providers: Mapping[str, Provider], seal: Seal) -> list[StoredProblem]:
    """Return the problems of a source's secrets, expired ones too."""
    provider = providers.get(source.provider)
    found = [_stored_problem(secret, provider, seal) for secret in source.secrets]
    return [problem for problem in found if problem is not None]


def _stored_problem(secret: SourceSecretRow, provider: Provider | None, seal: Seal) -> StoredProblem | None:
    if provider is None:
        return None
    try:
        problem = provider.secret_problem(seal.opened(secret.sealed))
    except SettingsRefused as error:
        return StoredProblem(secret.secret_id, error.detail, believed=False)
    return None if problem is None else StoredProblem(secret.secret_id, problem.detail, not problem.guessable)
