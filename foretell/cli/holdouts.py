"""`foretell holdouts`: a share of the contacts without predictions, to find out what these are worth."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foretell.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption, examples
from shared.contracts.rows import Microseconds, microseconds, now_us
from shared.errors import NotFound

if TYPE_CHECKING:
    from shared.contracts.holdout import Holdout
    from shared.lift.report import Estimate, HoldoutReport
    from shared.store import AccountStore

app = typer.Typer(
    no_args_is_help=True,
    help="Hold a share of the contacts out, to find out what predictions are worth.",
    epilog=examples("foretell holdouts create spring --share 0.1", "foretell holdouts report spring"),
)
NameArgument = Annotated[str, typer.Argument(help="1 to 63 of a-z, 0-9, _ and -.")]


@app.command(
    "create",
    epilog=examples(
        "foretell holdouts create spring --share 0.1",
        "foretell holdouts create spring --share 0.1 --capability scoring --outcome customer --until 2026-09-01",
    ),
)
def create(
    name: NameArgument,
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    share: Annotated[float, typer.Option(help="Which share of the contacts: above 0, at most 0.5.", metavar="SHARE")],
    capability: Annotated[
        str | None, typer.Option("--capability", "-c", help="Which question. Default: all of them.", metavar="NAME")
    ] = None,
    outcome: Annotated[
        str | None,
        typer.Option("--outcome", "-o", help="Which outcome of it. Default: all of them.", metavar="NAME"),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(help="When it ends by itself (UTC). Default: when it is released.")
    ] = None,
) -> None:
    """Hold a stable share of the contacts out: they are predicted and logged, and answered as `control`."""
    from foretell.cli.context import capability_name, opened_account
    from foretell.cli.output import print_note
    from shared.contracts.holdout import new_holdout

    ends = None
    if until is not None:
        ends = microseconds(until.replace(tzinfo=UTC) if until.tzinfo is None else until)
    question = ("" if capability is None else capability_name(capability), outcome or "")
    holdout = new_holdout(name, share, question, at=now_us(), until=ends)
    with opened_account(account) as (settings, _, store):
        store.experiments.holdouts.create(holdout)
    print_note(
        f"{share:.1%} of the contacts are held out by {name}. Running services answer so within "
        f"{settings.champion_poll_seconds:g} s."
    )


@app.command("list", epilog=examples("foretell holdouts list"))
def list_holdouts(*, account: AccountOption = DEFAULT_ACCOUNT, json: JsonOption = False) -> None:
    """List holdouts, the newest first."""
    from foretell.cli.context import opened_account
    from foretell.cli.output import show_rows

    with opened_account(account) as (_, _, store):
        rows = [_row(one, now_us()) for one in store.experiments.holdouts.all()]
    show_rows(rows, as_json=json, empty=f"The account {account} has no holdout yet.")


@app.command("show", epilog=examples("foretell holdouts show spring", "foretell holdouts show spring --contact c-42"))
def show(
    name: NameArgument,
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    contact: Annotated[
        str | None, typer.Option(help="Say of this contact whether it is held out.", metavar="ID")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show a holdout, or whether it holds a contact."""
    from foretell.cli.context import opened_account
    from foretell.cli.output import show_rows

    with opened_account(account) as (_, _, store):
        holdout, at = _known(store, name), now_us()
    row = _row(holdout, at)
    if contact is not None:
        held = holdout.holds(contact)
        side = "control" if held else "treated"
        row = {"contact": contact, "holdout": name, "side": side, "held_out": held and holdout.is_active(at)}
    show_rows([row], as_json=json, empty="")


@app.command("release", epilog=examples("foretell holdouts release spring"))
def release(name: NameArgument, *, account: AccountOption = DEFAULT_ACCOUNT) -> None:
    """End a holdout: its contacts are answered like all others; what was answered as `control` stays so."""
    from foretell.cli.context import opened_account
    from foretell.cli.output import print_note

    with opened_account(account) as (settings, _, store):
        store.experiments.holdouts.release(name, at=now_us())
    print_note(f"{name} has ended. Running services answer so within {settings.champion_poll_seconds:g} s.")


@app.command(
    "report",
    epilog=examples("foretell holdouts report spring", "foretell holdouts report spring --measure order_placed --json"),
)
def report(
    name: NameArgument,
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    measure: Annotated[
        list[str] | None,
        typer.Option(
            help="Events of this type count; may be repeated. Default: what reaches the outcome.", metavar="TYPE"
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Compare contacts who got predictions with those held out: rates, difference and lift with 95 % intervals."""
    from foretell.cli.context import opened_account
    from shared.lift.holdout_report import measure_of, report_of

    with opened_account(account) as (_, _, store):
        holdout = _known(store, name)
        found = report_of(store, holdout, measure_of(store, holdout, measure or ()), now=now_us())
    if json:
        typer.echo(found.model_dump_json(indent=2))
        return
    for line in report_lines(found):
        typer.echo(line)


def report_lines(found: "HoldoutReport") -> Iterator[str]:
    """Lay a report out as text."""
    from foretell.cli.output import aligned

    yield f"{found.name}: {', '.join(found.measure)} from {found.since:%Y-%m-%d %H:%M} to {found.until:%Y-%m-%d %H:%M}"
    yield ""
    cells = [["", "contacts", "reached", "rate", "95 % interval", "value per contact"]]
    for side, arm in (("treated", found.treated), ("control", found.control)):
        worth = "-" if arm.value_per_contact is None else f"{arm.value_per_contact:,.2f}"
        interval = f"{arm.rate.low:.2%} to {arm.rate.high:.2%}"
        cells.append([side, f"{arm.contacts:,}", f"{arm.reached:,}", f"{arm.rate.value:.2%}", interval, worth])
    yield from aligned(cells)
    yield ""
    yield from _estimates(found)
    yield from ("", found.conclusion, found.detectable.text, *found.warnings)


def _estimates(found: "HoldoutReport") -> Iterator[str]:
    yield f"difference: {_interval(found.difference, '{:+.2%}')}"
    yield f"lift: {_interval(found.lift, '{:+.1%}')}"
    if found.value is not None:
        currency = f" {found.value.currency}" if found.value.currency else ""
        yield f"value per contact: {_interval(found.value.difference, '{:+,.2f}')}{currency}"
        yield f"lift of value: {_interval(found.value.lift, '{:+.1%}')}"
    yield f"split: {found.sample_ratio.planned_share:.1%} planned, p = {found.sample_ratio.p_value:.3f}"


def _interval(one: "Estimate | None", form: str) -> str:
    return "-" if one is None else f"{form.format(one.value)} ({form.format(one.low)} to {form.format(one.high)})"


def _known(store: "AccountStore", name: str) -> "Holdout":
    found = store.experiments.holdouts.find(name)
    if found is None:
        raise NotFound(f"There is no holdout {name} in this account; `foretell holdouts list` lists them.")
    return found


def _row(holdout: "Holdout", at: Microseconds) -> dict[str, Any]:
    from foretell.cli.output import instant

    return {
        "name": holdout.name,
        "share": holdout.share,
        "capability": holdout.capability or "all",
        "outcome": holdout.outcome or "all",
        "state": "active" if holdout.is_active(at) else "ended",
        "created_at": instant(holdout.created_at),
        "until": instant(holdout.until),
        "released_at": instant(holdout.released_at),
    }
