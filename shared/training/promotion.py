"""Promote and roll back: MLflow's alias first, then the row that decides; a mismatch is reported, never obeyed."""

import contextlib
from dataclasses import dataclass
from typing import Protocol

from shared.contracts.rows import Microseconds
from shared.errors import Conflict, NotFound, RegistryUnavailable
from shared.registry.aliases import champion_alias, set_champion_alias
from shared.settings import Settings
from shared.store import AccountStore, ChampionRow


@dataclass(frozen=True, slots=True)
class Model:
    """Which model is meant: a capability and, where it has them, an outcome."""

    capability: str
    outcome: str = ""


class Aliases(Protocol):
    """The registry's aliases."""

    def point(self, account: str, model: Model, version: str) -> None:
        """Point the alias to a version."""

    def pointed(self, account: str, model: Model) -> str | None:
        """Return where the alias points."""


class RegistryAliases:
    """The aliases of the registry that the settings name."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def point(self, account: str, model: Model, version: str) -> None:
        """Point the alias to a version."""
        set_champion_alias(self._settings, account, model.capability, model.outcome, version=version)

    def pointed(self, account: str, model: Model) -> str | None:
        """Return where the alias points."""
        return champion_alias(self._settings, account, model.capability, model.outcome)


def promote(
    store: AccountStore, aliases: Aliases, model: Model, version: str, *, at: Microseconds, reason: str
) -> ChampionRow:
    """Make a version of the catalogue the champion; services serve it at their next poll.

    When the registry refuses, nothing changes; when the store fails afterwards, the alias is ahead of the row, the
    row still decides, and doing it again mends it.

    Args:
        store: of the account.
        aliases: of the registry.
        model: which one.
        version: to promote.
        at: now.
        reason: one sentence, for people.

    Raises:
        NotFound: the catalogue has no such version; those it has are listed.
        RegistryUnavailable: the alias could not be set.
    """
    found = store.models.version(model.capability, model.outcome, version)
    if found is None:
        known = [row.version for row in store.models.versions(model.capability, model.outcome)]
        raise NotFound(f"There is no version {version}; there are: {', '.join(known) or 'none'}.", versions=known)
    aliases.point(store.account, model, version)
    return store.models.promote(model.capability, model.outcome, version, found.digest, at=at, reason=reason)


def rollback(store: AccountStore, aliases: Aliases, model: Model, *, at: Microseconds) -> ChampionRow:
    """Make the version before the champion answer again; a registry that is away does not stand in the way.

    Raises:
        Conflict: there is no version before.
    """
    row = store.models.champion(model.capability, model.outcome)
    if row is None or row.previous_version is None:
        raise Conflict("There is no earlier champion to return to; promote a version instead.")
    # Going back is for emergencies: the row decides, and a mismatch is reported until the alias is set.
    with contextlib.suppress(RegistryUnavailable):
        aliases.point(store.account, model, row.previous_version)
    return store.models.rollback(model.capability, model.outcome, at=at)


def mismatch(store: AccountStore, aliases: Aliases, model: Model) -> str | None:
    """Say in one sentence how the registry's alias differs from the row; None when they agree.

    Raises:
        RegistryUnavailable: the alias cannot be read.
    """
    row = store.models.champion(model.capability, model.outcome)
    decided = None if row is None else row.version
    pointed = aliases.pointed(store.account, model)
    if decided == pointed:
        return None
    return (
        f"Version {decided or 'none'} answers, while MLflow's alias points to {pointed or 'none'}; "
        "the store decides: promote again to set the alias."
    )
