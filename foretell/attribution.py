"""An attribution report: journeys from the store, shared out, beside what holdouts of the same outcome found out."""

from collections.abc import Callable, Sequence

from shared.attribution.account_journeys import PART, account_journeys
from shared.attribution.journeys import PathCounts, from_paths
from shared.attribution.report import attribution_figures
from shared.attribution.requests import CAPABILITY
from shared.contracts.attribution import AttributionQuestion, AttributionReport, IncrementalEffect, Lift
from shared.contracts.holdout import Holdout
from shared.contracts.rows import Microseconds, instant_of, microseconds
from shared.lift.holdout_report import measure_of, report_of
from shared.lift.report import HoldoutReport
from shared.store import AccountStore

Progress = Callable[[float], None]


def account_report(
    store: AccountStore, question: AttributionQuestion, *, now: Microseconds, progress: Progress = lambda _: None
) -> AttributionReport:
    """Share the conversions of an account out among channels.

    Args:
        store: of the account.
        question: what is to be shared out.
        now: the time.
        progress: hears which share is done.

    Raises:
        TooLittleToAttribute: too few conversions came after a touch.
        BadRequest: the events name too many channels.
    """
    read = account_journeys(store, question, lambda share: progress(PART * share))
    figures = attribution_figures(
        read.journeys, worth=read.worth, progress=lambda share: progress(PART + (1 - PART) * share)
    )
    incremental = incremental_effects(store, question, now=now)
    return AttributionReport(
        **figures.model_dump(),
        reported_at=instant_of(now),
        question=read.question,
        source=read.source,
        incremental=incremental,
    )


def paths_report(
    rows: Sequence[PathCounts], *, now: Microseconds, progress: Progress = lambda _: None
) -> AttributionReport:
    """Share the conversions of paths out that another tool counted.

    Raises:
        TooLittleToAttribute: too few conversions came after a touch.
    """
    figures = attribution_figures(from_paths(rows), progress=progress)
    return AttributionReport(
        **figures.model_dump(), reported_at=instant_of(now), question=None, source=None, incremental=[]
    )


def incremental_effects(
    store: AccountStore, question: AttributionQuestion, *, now: Microseconds
) -> list[IncrementalEffect]:
    """Report what holdouts of the outcome found out whose time overlaps the period."""
    since, until = microseconds(question.since), microseconds(question.until)
    found = []
    for holdout in store.experiments.holdouts.all():
        end = min(at for at in (now, holdout.until, holdout.released_at) if at is not None)
        if _is_about(store, holdout, question.outcome) and holdout.created_at < min(until, end) and end > since:
            report = report_of(store, holdout, measure_of(store, holdout, ()), now=now)
            found.append(effect_of(report))
    return found


def _is_about(store: AccountStore, holdout: Holdout, outcome: str) -> bool:
    if holdout.capability != CAPABILITY:
        return False
    return (holdout.outcome or store.outcomes.default(CAPABILITY)) == outcome


def effect_of(report: HoldoutReport) -> IncrementalEffect:
    """Return what a holdout found out, with which figure to trust for what."""
    lift = None if report.lift is None else Lift(**report.lift.model_dump())
    return IncrementalEffect(
        holdout=report.name,
        since=report.since,
        until=report.until,
        lift=lift,
        conclusion=report.conclusion,
        trust=_trust(report, lift),
    )


def _trust(report: HoldoutReport, lift: Lift | None) -> str:
    if report.sample_ratio.mismatch or lift is None:
        return "Trust neither yet for what was caused: this holdout cannot be compared, and credits are no effects."
    if lift.low <= 0 <= lift.high:
        return (
            f"Trust the holdout: what was done on predictions is not proven to have brought anything ({lift.low:+.0%} "
            f"to {lift.high:+.0%}), whatever credit the channels below get."
        )
    return (
        f"Trust the holdout for how much was caused ({lift.value:+.0%}, between {lift.low:+.0%} and {lift.high:+.0%}): "
        "all channels together, by what was done on predictions. The credits below only say along which channels "
        "conversions came."
    )
