"""`foretell data`: whether the data suffices, before anything is trained."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from foretell.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption, examples
from shared.contracts.rows import now_us

if TYPE_CHECKING:
    from shared.contracts.data_report import DataReport, Finding, Requirement

app = typer.Typer(
    no_args_is_help=True,
    help="Look at the data before training.",
    epilog=examples("foretell data report", "foretell data report --account demo --json"),
)
_HEADINGS = {"blocks": "Blocks a training", "warns": "Makes answers worse", "informs": "Good to know"}
_MET = {True: "yes", False: "NO", None: "perhaps"}


@app.callback()
def data() -> None:
    """Look at the data before training."""


@app.command(epilog=examples("foretell data report", "foretell data report --account demo --json"))
def report(*, account: AccountOption = DEFAULT_ACCOUNT, json: JsonOption = False) -> None:
    """Report whether the data suffices for each model, what is wrong with it, and what to do."""
    from foretell.cli.context import opened_account
    from shared.data_report import data_report

    with opened_account(account) as (_, _, store):
        found = data_report(store, now=now_us())
    if json:
        typer.echo(found.model_dump_json(indent=2))
        return
    for line in report_lines(found, account):
        typer.echo(line)


def report_lines(found: "DataReport", account: str) -> Iterator[str]:
    """Lay a report out as text: figures, minimums, findings.

    Args:
        found: the report.
        account: whose.
    """
    from shared.contracts.data_report import percent

    yield from _figures(found, account)
    if found.requirements:
        yield from ("", "Does it suffice?", *_table([_requirement(one) for one in found.requirements]))
    if found.event_types:
        types = [
            {
                "event type": one.type, "events": f"{one.events:,}", "by machines": percent(one.machine_share),
                "first": f"{one.first_on}", "last": f"{one.last_on}",
            }
            for one in found.event_types
        ]  # fmt: skip
        yield from ("", "Events", *_table(types))
    for severity, heading in _HEADINGS.items():
        findings = [one for one in found.findings if one.severity == severity]
        if findings:
            yield from ("", f"{heading} ({len(findings)})")
            for one in findings:
                yield from _finding(one)
    if not found.findings:
        yield from ("", "Nothing was found that is wrong.")


def _figures(found: "DataReport", account: str) -> Iterator[str]:
    from shared.contracts.data_report import in_words, percent

    contacts = found.contacts
    yield f"{account}: {contacts.total:,} contacts, {in_words(found.months_of_history)} months of events"
    if not contacts.total:
        return
    yield (
        f"Of the contacts {percent(contacts.with_timezone)} have a time zone, "
        f"{percent(contacts.with_created_at)} a creation date, {percent(contacts.with_events)} an event by a person;"
    )
    yield (
        f"profiling is granted by {percent(contacts.consent_granted)}, denied by {percent(contacts.consent_denied)}, "
        f"not spoken of by {percent(contacts.consent_none)}."
    )
    if contacts.read_whole < contacts.learnable:
        yield (
            f"Events were counted of {contacts.sampled:,} contacts, {contacts.read_whole:,} were read whole; "
            "what follows from a sample is an estimate."
        )


def _requirement(one: "Requirement") -> dict[str, str]:
    from shared.contracts.data_report import in_words

    interval = "" if one.low == one.high else f" ({in_words(one.low)} to {in_words(one.high)})"
    return {
        "model": _model(one.capability, one.outcome),
        "needed": one.needed.replace("_", " "),
        "at least": in_words(one.minimum),
        "there are": f"{in_words(one.found)}{interval}",
        "met": _MET[one.met],
        "if not": "" if one.met else one.otherwise,
    }


def _model(capability: str, outcome: str | None) -> str:
    return f"{capability}.{outcome}" if outcome else capability


def _finding(one: "Finding") -> Iterator[str]:
    models = ", ".join(_model(model.capability, model.outcome) for model in one.affects)
    yield f"  {one.found}" + (f" [{models}]" if models else "")
    yield f"    {one.effect} {one.remedy}"
    if one.command:
        yield f"    $ {one.command}"


def _table(rows: list[dict[str, str]]) -> list[str]:
    from foretell.cli.output import aligned

    return [f"  {line}" for line in aligned([list(rows[0]), *(list(row.values()) for row in rows)])]
