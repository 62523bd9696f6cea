"""Which version answers: MLflow's alias, then the row in the store, which decides."""

import contextlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from shared.contracts.outcome import ModelName
from shared.contracts.rows import Microseconds
from shared.errors import NotFound, RegistryUnavailable, StoreUnavailable
from shared.registry.registration import champion_alias, set_champion_alias
from shared.settings import Settings
from shared.store import AccountStore, ChampionRow
from shared.store.models import refuse_changed

Model = ModelName
"""Which model is meant."""
End = Callable[[AccountStore, ChampionRow], object]
"""Write into the transaction of a change of champion what it brings to an end; what it raises undoes the change."""


def nothing_ends(_: AccountStore, __: ChampionRow) -> None:
    """End nothing."""


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
    store: AccountStore,
    aliases: Aliases,
    model: Model,
    version: str,
    *,
    at: Microseconds,
    reason: str,
    figures: Mapping[str, float] | None = None,
    unless_since: Microseconds | None = None,
    end: End = nothing_ends,
) -> ChampionRow:
    """Make a version of the catalogue the champion; services serve it at their next poll.

    When the registry refuses, nothing changes; when the row cannot follow, the alias is set back. Where the process
    dies between them, the alias is ahead of the row, the row still decides, and doing it again mends it.

    Args:
        store: of the account.
        aliases: of the registry.
        model: which one.
        version: to promote.
        at: now.
        reason: one sentence, for people.
        figures: of the comparison with the champion, for the audit log.
        unless_since: refuse when the champion changed after this instant; None: never.
        end: called in the transaction of the row.

    Raises:
        NotFound: the catalogue has no such version; those it has are listed.
        RegistryUnavailable: the alias could not be set.
        Conflict: the champion changed meanwhile.
    """
    found = store.models.version(model.capability, model.outcome, version)
    if found is None:
        known = [row.version for row in store.models.versions(model.capability, model.outcome)]
        raise NotFound(f"There is no version {version}; there are: {', '.join(known) or 'none'}.", versions=known)
    refuse_changed(store.models.champion(*model), unless_since)
    aliases.point(store.account, model, version)
    try:
        with store.transaction() as together:
            champion = together.models.promote(
                *model, version, found.digest, at=at, reason=reason, figures=figures, unless_since=unless_since
            )
            end(together, champion)
    except Exception:
        _point_back(store, aliases, model)
        raise
    return champion


def _point_back(store: AccountStore, aliases: Aliases, model: Model) -> None:
    """Let the alias follow the row; where registry or store is away, the mismatch is reported until it does."""
    with contextlib.suppress(RegistryUnavailable, StoreUnavailable):
        champion = store.models.champion(*model)
        if champion is not None:
            aliases.point(store.account, model, champion.version)


def rollback(
    store: AccountStore,
    aliases: Aliases,
    model: Model,
    *,
    at: Microseconds,
    reason: str = "rollback",
    end: End = nothing_ends,
) -> ChampionRow:
    """Make the version before the champion answer again; a registry that is away does not stand in the way.

    Going back is for emergencies: the row changes first, and the alias follows, or a mismatch is reported.

    Args:
        store: of the account.
        aliases: of the registry.
        model: which one.
        at: now.
        reason: one sentence, for people.
        end: called in the transaction of the row: done again, a rollback undoes itself.

    Raises:
        Conflict: there is no version before.
    """
    with store.transaction() as together:
        champion = together.models.rollback(*model, at=at, reason=reason)
        end(together, champion)
    _point_back(store, aliases, model)
    return champion


def promotion_result(champion: ChampionRow) -> dict[str, Any]:
    """Write down what became of a promotion or rollback."""
    return {"version": champion.version, "previous_version": champion.previous_version}


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
