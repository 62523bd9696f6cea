"""Decisions are drawn inside the transaction that commits them: what is answered is what is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from services.messages.schemas import NextBestMessageRequest
from shared.contracts.decision import UNTRAINED
from shared.contracts.rows import Microseconds
from shared.serving.capability_spec import PendingResponse
from shared.store import AccountStore

if TYPE_CHECKING:
    from services.messages.model.advice import MessageAdvice
    from services.messages.model.catalogue import Catalogue, LatestGroups
    from services.messages.model.consideration import Consideration


def decide(pending: "PendingResponse[NextBestMessageRequest, MessageAdvice]") -> "Sequence[MessageAdvice]":
    """Choose for the contacts of a call, and commit that before anybody is told.

    Raises:
        StoreUnavailable: nothing is committed, or some contacts may have been erased meanwhile.
    """
    from services.messages.model.choice import Choosing

    results = pending.results
    if not results or results[0].considered is None:
        return results
    ids, rows = pending.contact_ids, np.array([one.row for one in results], dtype=np.intp)
    considered = with_groups(pending.account, results[0].considered, ids, rows)
    random = np.random.default_rng().random
    choosing = Choosing(considered, rows, ids, pending.asked_at, pending.version, random)
    request = pending.request
    decided = pending.account.experiments.decisions.decide(
        ids,
        choosing.choose,
        outcome=considered.outcome,
        campaign_id=request.campaign_id or "",
        since=pending.asked_at - considered.reach if considered.reach else None,
        erasures=pending.erasures,
    )
    return choosing.advice({(row.contact_id, row.slot): row for row in reversed(decided)})


def settle_preview(
    account: AccountStore, contact_ids: Sequence[str], advices: "Sequence[MessageAdvice]", cutoff: Microseconds
) -> "Sequence[MessageAdvice]":
    """Let a preview know what the store does: segments, bands, caps, and decisions that hold; others are settled."""
    from services.messages.model.choice import Choosing

    considered = advices[0].considered
    if considered is None or considered.request.purpose != "preview" or not _needs_store(considered):
        return advices
    rows = np.array([one.row for one in advices], dtype=np.intp)
    request = considered.request
    considered = with_groups(account, considered, contact_ids, rows)
    choosing = Choosing(considered, rows, contact_ids, cutoff, UNTRAINED, None)
    decisions, reach = account.experiments.decisions, considered.reach
    held = (
        decisions.held(contact_ids, outcome=considered.outcome, campaign_id=request.campaign_id)
        if request.campaign_id is not None
        else {}
    )
    recent = decisions.recent(contact_ids, since=cutoff - reach) if reach else {}
    if request.cutoff is not None:
        held = {key: row for key, row in held.items() if row.decided_at < cutoff}
        recent = {name: [one for one in mine if one.decided_at < cutoff] for name, mine in recent.items()}
    choosing.choose(recent, held)
    settled = choosing.advice(held)
    for before, one in zip(advices, settled, strict=True):
        one.contact_id, one.data_quality, one.inputs = before.contact_id, before.data_quality, before.inputs
    return settled


def _needs_store(considered: "Consideration") -> bool:
    return considered.catalogue.needs_groups or considered.request.campaign_id is not None or bool(considered.reach)


def with_groups(
    account: AccountStore,
    considered: "Consideration",
    contact_ids: Sequence[str],
    rows: "np.ndarray[tuple[int], np.dtype[np.intp]]",
) -> "Consideration":
    """Take into account where the latest predictions put contacts, where any message asks for it."""
    catalogue = considered.catalogue
    if not catalogue.needs_groups:
        return considered
    eligible = considered.eligible.copy()
    groups, defaults = _latest_groups(account, contact_ids), _default_outcomes(account, catalogue)
    eligible[rows] &= catalogue.by_groups(contact_ids, groups, defaults)
    return replace(considered, eligible=eligible)


def _latest_groups(account: AccountStore, contact_ids: Sequence[str]) -> "LatestGroups":
    from services.messages.model.catalogue import LatestGroup

    found = account.predictions.latest_groups(contact_ids)
    return {name: [LatestGroup(*one) for one in mine] for name, mine in found.items()}


def _default_outcomes(account: AccountStore, catalogue: "Catalogue") -> Mapping[str, str]:
    unnamed = {rule.capability for rule in catalogue.band_rules if rule.outcome is None}
    return {name: account.outcomes.default(name) or "" for name in sorted(unnamed)}
