"""`foretell attribution`: which channel gets which part of the conversions, and what none of it proves."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foretell.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption, examples, whole_days
from shared.contracts.rows import now_us

if TYPE_CHECKING:
    from foretell.attribution import Progress
    from shared.attribution.requests import AttributionRequest
    from shared.contracts.attribution import AttributionReport, ChannelCredits, Credit

ATTRIBUTION_EXAMPLES = examples(
    "foretell attribution --outcome customer --from 2026-01-01 --to 2026-11-01",
    "foretell attribution --outcome customer --by campaign --lookback 60d --company",
    "foretell attribution --paths paths.csv --json",
)
_RULES = {
    "last_touch": "last", "first_touch": "first", "linear": "linear", "time_decay": "decay", "position": "position",
}  # fmt: skip
_DAYS = ["%Y-%m-%d"]


def attribution(
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    outcome: Annotated[
        str | None,
        typer.Option("--outcome", "-o", help="Of scoring, reached by events. Default: the account's.", metavar="NAME"),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option("--from", formats=_DAYS, help="First day (UTC). Default: 90 days before --to.", metavar="DAY"),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option("--to", formats=_DAYS, help="First day that counts no more. Default: tomorrow.", metavar="DAY"),
    ] = None,
    by: Annotated[
        str, typer.Option(help="What names a touch: channel, campaign, message or properties.NAME.", metavar="WHAT")
    ] = "channel",
    lookback: Annotated[
        str, typer.Option(help="How long before a conversion a touch counts.", metavar="DURATION")
    ] = "30d",
    company: Annotated[
        bool, typer.Option("--company", help="Journeys of companies: contacts that share the attribute are one.")
    ] = False,
    company_attribute: Annotated[str, typer.Option(help="Which attribute that is.", metavar="NAME")] = "company",
    paths: Annotated[
        Path | None,
        typer.Option(
            help="CSV of another tool instead: path, total_conversions, total_conversion_value, total_null.",
            metavar="FILE",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Share conversions out among channels by seven methods, each credit with a 95 % interval."""
    from foretell.cli.output import progress_bars

    with progress_bars() as bars:
        bar = bars.add_task("attribution", total=1.0)

        def progress(share: float) -> None:
            bars.update(bar, completed=share)

        if paths is not None:
            found = _of_paths(paths, progress)
        else:
            from shared.attribution.requests import AttributionRequest

            requested = AttributionRequest(
                outcome, _day(since), _day(until), by, whole_days(lookback), "company" if company else "contact",
                company_attribute,
            )  # fmt: skip
            found = _of_account(account, requested, progress)
    if json:
        typer.echo(found.model_dump_json(indent=2))
        return
    for line in report_lines(found):
        typer.echo(line)


def _of_paths(path: Path, progress: "Progress") -> "AttributionReport":
    from foretell.attribution import paths_report
    from shared.attribution.path_rows import paths_of

    return paths_report(paths_of(path), now=now_us(), progress=progress)


def _of_account(account: str, requested: "AttributionRequest", progress: "Progress") -> "AttributionReport":
    from foretell.attribution import account_report
    from foretell.cli.context import opened_account
    from shared.attribution.requests import question_of

    with opened_account(account) as (_, _, store):
        question = question_of(store, requested, today=datetime.now(UTC).date())
        return account_report(store, question, now=now_us(), progress=progress)


def _day(at: datetime | None) -> date | None:
    return None if at is None else at.date()


def report_lines(found: "AttributionReport") -> Iterator[str]:
    """Lay a report out as text: what was requested, credits by channel, holdouts, notes."""
    from foretell.cli.output import aligned

    yield from _heading(found)
    yield ""
    names = ["shapley", "95 % interval", "markov", "95 % interval", *_RULES.values()]
    cells = [["channel", "journeys", "converted", *names]]
    cells += [_row(one) for one in found.channels]
    yield from aligned(cells)
    yield ""
    untouched = found.untouched_conversions
    if untouched:
        yield f"Before {untouched:,} of {found.conversions:,} conversions no channel was met; no rule gives them away."
    if found.expected_without is not None:
        yield f"Expected without any touch (Shapley): {_interval(found.expected_without)} conversions."
    for effect in found.incremental:
        yield f"Holdout {effect.holdout} ({effect.since:%Y-%m-%d} to {effect.until:%Y-%m-%d}): {effect.conclusion}"
        yield f"  {effect.trust}"
    yield from found.notes


def _heading(found: "AttributionReport") -> Iterator[str]:
    value = "" if found.value is None else f", worth {found.value:,.2f}{f' {found.currency}' if found.currency else ''}"
    yield f"{found.conversions:,} conversions{value}; {found.journeys:,} journeys met a channel"
    if found.question is not None and found.source is not None:
        requested = found.question
        counted = "each" if requested.repeatable else "the first of each"
        yield (
            f"{requested.outcome} ({', '.join(requested.event_types)}, {counted}) from {requested.since:%Y-%m-%d} to "
            f"{requested.until:%Y-%m-%d}, by {requested.by}, lookback {requested.lookback_days} days"
        )
        units = {"contact": "contacts", "company": "companies"}[requested.unit]
        left_out = found.source.denied_contacts
        denied = f"; {left_out:,} contacts who deny profiling are left out" if left_out else ""
        yield f"{found.source.units:,} {units}, {found.source.touches:,} touches{denied}"


def _row(one: "ChannelCredits") -> list[str]:
    shapley, markov = one.credits["shapley"], one.credits["markov"]
    return [
        one.channel,
        f"{one.journeys:,}",
        f"{one.converted:,}",
        f"{shapley.conversions:,.1f}",
        _range(shapley),
        f"{markov.conversions:,.1f}",
        _range(markov),
        *(f"{one.credits[name].conversions:,.1f}" for name in _RULES),
    ]


def _range(one: "Credit") -> str:
    return f"{one.low:,.1f} to {one.high:,.1f}"


def _interval(one: "Credit") -> str:
    return f"{one.conversions:,.1f} ({_range(one)})"
