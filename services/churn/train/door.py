"""From an account and an outcome to a version in the registry."""

from pathlib import Path

from services.churn.model import ChurnModel
from services.churn.train.curves import curve_plot
from services.churn.train.fitting import ChurnFit, fitted
from services.churn.train.material import ChurnMaterial, churn_material
from shared.contracts.rows import Microseconds
from shared.evaluation.gate import Verdict
from shared.features import matrix
from shared.learners.columns import Vector, chance
from shared.settings import Settings
from shared.store import Database, VersionRow
from shared.training.card import card
from shared.training.choices import Choices, Progress, silent
from shared.training.gating import NO_NEWER_FRAMES, Newer, compared
from shared.training.material import scanned
from shared.training.plots import plots
from shared.training.publish import Fitted, Published, SettingsRegistry, digest_of_data, publish

CAPABILITY = "churn"


def train(
    database: Database,
    settings: Settings,
    account: str,
    outcome_name: str,
    *,
    choices: Choices | None = None,
    now: Microseconds,
    progress: Progress = silent,
) -> Published:
    """Train one outcome of one account, register the version, and promote it when the gate lets it through.

    Args:
        database: the store.
        settings: tell where the registry is.
        account: whose contacts and events.
        outcome_name: defined in the account or built in.
        choices: promote or not; attributes that are allowed, beside those that the outcome allows.
        now: nothing after it exists.
        progress: told what is done and how far the run is.

    Raises:
        UnknownOutcome: there is no such outcome; the known ones are listed.
        InsufficientData: too few contacts or too short a time, in counts.
    """
    choices = choices or Choices()
    store = database.of(account)
    outcome = store.outcomes.require(CAPABILITY, outcome_name)
    choices = choices.for_outcome(outcome)
    progress("reading contacts and events", 0.0)
    pasts = scanned(store, with_events=not outcome.attribute)
    stuff = churn_material(outcome, pasts, now=now, order_by=choices.order_by)
    fit = fitted(
        stuff,
        allowed=choices.allowed,
        forbidden=choices.forbidden,
        now=now,
        progress=lambda text, part: progress(text, 0.1 + 0.8 * part),
    )
    progress("registering the version", 0.92)
    published = publish(
        SettingsRegistry(settings),
        store,
        _to_publish(stuff, fit, f"{account}.{CAPABILITY}.{outcome.name}", now),
        gate=lambda row: _gate(settings, account, stuff, fit, row, now),
        may_promote=choices.promote,
    )
    progress("done", 1.0)
    return published


def _to_publish(stuff: ChurnMaterial, fit: ChurnFit, name: str, now: Microseconds) -> Fitted:
    frames = stuff.closed.frames
    drawn = plots(fit.report)
    if fit.curve:
        drawn["curve"] = curve_plot(fit.curve, contractual=stuff.wanted.contractual)
    return Fitted(
        capability=CAPABILITY,
        outcome=stuff.outcome.name,
        model=fit.model,
        report=fit.report,
        plots=drawn,
        card=card(fit.report, name=name, question=_question(stuff), horizon_days=fit.model.horizon_days),
        columns=fit.model.columns,
        horizon_days=fit.model.horizon_days,
        trained_at=now,
        trained_until=stuff.closed.until,
        data_digest=digest_of_data(fit.problem.matrix, fit.problem.labels, frames.cutoff),
        params={"outcome": stuff.outcome.model_dump_json(), "frames": len(frames)},
    )


def _question(stuff: ChurnMaterial) -> str:
    if stuff.waits is None:
        return f"How likely is a contact to leave, as {stuff.outcome.attribute} says?"
    named = " or ".join(stuff.wanted.waited_for)
    return f"How likely is {named}?" if stuff.wanted.contractual else f"How likely is it that no {named} comes?"


def _gate(
    settings: Settings, account: str, stuff: ChurnMaterial, fit: ChurnFit, row: VersionRow, now: Microseconds
) -> Verdict:
    """Compare at the graded horizon on the judged frames that are newer than what the champion learned from."""
    known_until, cutoff = row.report.get("trained_until"), fit.problem.cutoff
    if cutoff is None or known_until is None:
        return Verdict(False, False, NO_NEWER_FRAMES)
    rows = fit.graded.judged
    kept = rows[cutoff[rows] >= known_until]
    contact, cutoffs = fit.problem.owner[kept], cutoff[kept]
    newer = Newer(fit.problem.labels[kept], chance(fit.graded.nested[kept]), chance(fit.graded.constant[kept]), contact)

    def champion_on(folder: Path) -> Vector:
        champion = ChurnModel.load(folder)
        values = matrix(champion.feature_set, stuff.pasts, contact, cutoffs)
        days = min(float(stuff.outcome.horizon_days), champion.periods.last_day)
        return champion.risk(champion.hazard(values, cutoffs), None if champion.is_flat else days)

    return compared(settings, account, row, newer, champion_on, now=now)
