"""Versions of models loaded into this process, to answer about many contacts without any service."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from services.specs import spec_of
from shared.batches.predict import BatchPredictor
from shared.contracts.rows import Microseconds, instant_of
from shared.serving.artifacts import RegistryChild
from shared.serving.batch import PinnedModel
from shared.serving.champions import Champion
from shared.settings import Settings
from shared.store import AccountStore, ChampionRow


def loaded(
    settings: Settings,
    account: AccountStore,
    models: Sequence[Mapping[str, str]],
    *,
    cutoff: Microseconds,
    asked_at: Microseconds,
    reasons: int,
    plan: Mapping[str, Any] | None = None,
) -> BatchPredictor:
    """Load versions, from the cache or from the registry.

    Args:
        settings: where both are.
        account: whose.
        models: capability, outcome, version and digest of each.
        cutoff: of every answer.
        asked_at: nothing recorded later is seen.
        reasons: how many a contact.
        plan: options of a plan, as they were asked for; None: each contact is answered by itself.

    Raises:
        RegistryUnavailable: one is not in the cache, and the registry is away.
        ArtifactRefused: one is damaged, or made for another release.
    """
    pinned = []
    for model in models:
        spec = spec_of(model["capability"])
        folder = artifact_of(settings, account.account, model, at=asked_at)
        champion = Champion(model["version"], model["digest"], spec.load(folder))
        fixed = (model["outcome"], instant_of(cutoff), asked_at, reasons)
        options = None if plan is None or spec.batch_plan is None else spec.batch_plan.options.model_validate(plan)
        pinned.append(PinnedModel(spec, champion, *fixed, options))
    return BatchPredictor(account, pinned)


def artifact_of(settings: Settings, account: str, model: Mapping[str, str], *, at: Microseconds) -> Path:
    """Return the folder of a version's artifact, from the cache or from the registry; refused as of `loaded`."""
    named = (account, model["capability"], model["outcome"], model["version"], model["digest"])
    row = ChampionRow(*named, at, None, None)
    return asyncio.run(RegistryChild(settings)(row, row.version, row.digest))
