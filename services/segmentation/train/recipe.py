"""The run: read the account, fit, name as before, register, promote when the gate lets it through."""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from services.segmentation.model import SegmentationModel
from services.segmentation.train.fitting import SEED, SegmentationFit, SegmentationOptions, fitted
from services.segmentation.train.plots import plots
from services.segmentation.train.report import SegmentationReport, card, report
from services.segmentation.train.selection import squared_errors
from services.segmentation.train.snapshot import assigned
from shared.contracts.rows import Microseconds
from shared.errors import ArtifactRefused
from shared.evaluation.bootstrap import of_mean
from shared.evaluation.gate import Verdict
from shared.registry.fetch import artifacts
from shared.settings import Settings
from shared.store import AccountStore, Database, VersionRow
from shared.timeline import Pasts, build
from shared.training.choices import Choices, Progress, silent
from shared.training.publish import Fitted, Published, SettingsRegistry, digest_of_data, publish

CAPABILITY = "segmentation"
WORSE_BY_AT_MOST = 0.01
"""Share explained that a challenger may lose against the champion."""


def train(
    database: Database,
    settings: Settings,
    account: str,
    *,
    segments: int | None = None,
    choices: Choices | None = None,
    now: Microseconds,
    seed: int = SEED,
    progress: Progress = silent,
) -> Published:
    """Find the segments of one account, register the version, and promote it when the gate lets it through.

    Args:
        database: the store.
        settings: tell where the registry is.
        account: whose contacts and events.
        segments: how many; None: chosen by measurement.
        choices: promote or not; attributes that are to count beside behaviour.
        now: nothing after it exists.
        seed: of starts and subsamples.
        progress: told what is done and how far the run is.

    Raises:
        InsufficientData: too few contacts have events.
        BadRequest: the number of segments is not possible.
    """
    choices = choices or Choices()
    store = database.of(account)
    progress("reading contacts and events", 0.0)
    pasts = profiled(store)
    until = min(now, int(pasts.at.max()) + 1) if len(pasts.at) else now
    previous = _champion(settings, store)
    fit = fitted(
        pasts,
        until=until,
        now=now,
        wanted=SegmentationOptions(segments, choices.allowed, store.segments.names(), seed),
        previous=previous,
        progress=lambda text, part: progress(text, 0.1 + 0.75 * part),
    )
    progress("drawing", 0.88)
    old_ids = [] if previous is None else [segment.named.id for segment in previous.segments]
    found = report(fit, old_ids)
    progress("registering the version", 0.92)
    published = publish(
        SettingsRegistry(settings),
        store,
        _to_publish(fit, found, f"{account}.{CAPABILITY}", now, until),
        gate=partial(_gate, fit, previous, pasts),
        may_promote=choices.promote,
    )
    progress("done", 1.0)
    return published


def profiled(store: AccountStore) -> Pasts:
    """Read the pasts of all contacts that did not deny profiling."""
    ids, facts = store.contacts.scan()
    ids = [contact_id for contact_id in ids if facts[contact_id].consent.get("profiling") != "denied"]
    return build(ids, facts, store.events.scan())


def _champion(settings: Settings, store: AccountStore) -> SegmentationModel | None:
    """Load the version whose identities are to be kept; None where there is none, or none that can be read."""
    row = store.models.champion(CAPABILITY, "")
    if row is None:
        return None
    try:
        with tempfile.TemporaryDirectory() as scratch:
            folder = artifacts(
                settings, store.account, CAPABILITY, "", version=row.version, digest=row.digest, into=Path(scratch)
            )
            return SegmentationModel.load(folder)
    except ArtifactRefused:
        return None


def _to_publish(
    fit: SegmentationFit, found: SegmentationReport, name: str, now: Microseconds, until: Microseconds
) -> Fitted:
    return Fitted(
        capability=CAPABILITY,
        outcome="",
        model=fit.model,
        report=found,
        plots=plots(fit),
        card=card(found, name=name),
        columns=fit.model.feature_set.names,
        horizon_days=None,
        trained_at=now,
        trained_until=until,
        data_digest=digest_of_data(fit.snapshot.values, fit.labels.astype(np.float64), fit.snapshot.cutoff),
        first="the first segments of this account",
        params={"segments": len(fit.model.segments), "contacts": len(fit.snapshot.contact)},
    )


def _gate(fit: SegmentationFit, previous: SegmentationModel | None, pasts: Pasts, row: VersionRow) -> Verdict:
    """Let a challenger through unless it surely knows less of the next period than the champion.

    Both assign the same contacts at the same earlier cutoff; neither has seen what came after as a label.
    """
    if previous is None:
        return Verdict(True, True, f"the champion, version {row.version}, cannot be loaded any more")
    if fit.before is None:
        return Verdict(True, True, "there is no next period to compare on yet; the newer segments answer")
    contact, cutoff, after = fit.before.contact, fit.before.cutoff, fit.before.after
    lost = np.zeros(len(contact))
    challenger, champion = assigned(fit.model, pasts, contact, cutoff), assigned(previous, pasts, contact, cutoff)
    for outcome in after:
        scale = 2 * float(outcome.var())
        lost += (squared_errors(challenger, outcome)[0] - squared_errors(champion, outcome)[0]) / scale
    worse = of_mean(lost, contact)
    comparison = f"share of the next period explained, champion less challenger: {worse}"
    if worse.low > WORSE_BY_AT_MOST:
        return Verdict(False, True, f"the challenger explains less than the champion ({comparison})")
    return Verdict(True, True, f"not surely worse than the champion ({comparison})")
