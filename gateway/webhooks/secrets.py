"""What a secret of a source must look like, so that nobody can guess it: asked when it is set, told of stored ones."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from gateway.webhooks.provider import Provider, SecretProblem
from shared.contracts.credentials import Seal
from shared.errors import BadRequest, SettingsRefused
from shared.store import SourceRow, SourceSecretRow

MIN_CHARACTERS: Final = 16
"""What each provider's own key has at least; of `user:password` the password."""
MIN_DIFFERENT: Final = 6
"""Fewer different characters are a placeholder."""
GUESSABLE: Final = 8
"""Shorter ones are not believed even where they are stored: they can be tried out."""


class StoredProblem(NamedTuple):
    """A stored secret that would not be taken today."""

    secret_id: str
    detail: str
    believed: bool
    """False: what it proves is refused."""

    @property
    def sentence(self) -> str:
        """Say it to the account."""
        return f"{self.detail} {'Replace it.' if self.believed else 'It proves nothing any more: replace it.'}"


def key_problem(secret: str, *, length: int | None = None) -> SecretProblem | None:
    """Judge a key that a provider makes, or a secret of one's own.

    >>> key_problem("0123456789abcdef"), key_problem("short").guessable
    (None, True)

    Args:
        secret: as given; space around it does not count.
        length: of what it stands for, in bytes; None: its own, in characters.
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
    """Judge a token of one's own, or `user:password`, of which the password counts."""
    user, colon, password = secret.strip().partition(":")
    return key_problem((password or user) if colon else secret)


def require_secret(provider: Provider, secret: str) -> None:
    """Demand a secret of the form that a provider's secrets have.

    Raises:
        BadRequest: it has not; says what is wrong, never the secret.
    """
    problem = provider.secret_problem(secret)
    if problem is not None:
        raise BadRequest(f"This is no secret of {provider.title}: {problem.detail} {provider.secret_hint}")


def stored_problems(source: SourceRow, providers: Mapping[str, Provider], seal: Seal) -> list[StoredProblem]:
    """List the secrets of a source that would not be taken today, expired ones too."""
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
