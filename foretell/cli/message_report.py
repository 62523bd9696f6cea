"""`foretell messages report`: what messages and the policy brought, for somebody who knows no statistics."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from foretell.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption, examples
from shared.contracts.decision import UNTRAINED
from shared.contracts.rows import now_us

if TYPE_CHECKING:
    from shared.lift.message_report import MessageArm, MessageResult, MessagesReport
    from shared.lift.report import Estimate

REPORT_EXAMPLES = examples(
    "foretell messages report --outcome clicked",
    "foretell messages report --from 2026-05-01 --to 2026-06-01 --campaign welcome --json",
)
_DAYS = ["%Y-%m-%d"]
YOUNG = "too young (earned)"
_ARMS = {
    "policy": "the policy", "control_nothing": "control: nothing", "control_random": "control: any, by lot",
    "imported": "another tool",
}  # fmt: skip


def report(
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    outcome: Annotated[
        str | None,
        typer.Option("--outcome", "-o", help="What is meant to be reached. Default: the account's.", metavar="NAME"),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option("--from", formats=_DAYS, help="First day (UTC). Default: 90 days before --to.", metavar="DAY"),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option("--to", formats=_DAYS, help="First day that counts no more. Default: tomorrow.", metavar="DAY"),
    ] = None,
    campaign: Annotated[str | None, typer.Option(help="Only decisions of this campaign.", metavar="ID")] = None,
    slot: Annotated[str | None, typer.Option(help="Only decisions about this slot.", metavar="NAME")] = None,
    json: JsonOption = False,
) -> None:
    """Say what messages and the policy earned, against the control group, with intervals and in words."""
    from foretell.cli.context import opened_account
    from shared.lift.account_messages import MessageReportRequest, messages_report

    requested = MessageReportRequest(outcome, _day(since), _day(until), campaign, slot)
    with opened_account(account) as (_, _, store):
        found = messages_report(store, requested, now=now_us())
    if json:
        typer.echo(found.model_dump_json(indent=2))
        return
    for line in report_lines(found):
        typer.echo(line)


def report_lines(found: "MessagesReport") -> Iterator[str]:
    """Lay a report out as text: the result first, then who earned what."""
    from foretell.cli.output import aligned

    about = f"{found.outcome}: decisions from {found.since:%Y-%m-%d} to {found.until:%Y-%m-%d}"
    about += f", campaign {found.campaign_id}" if found.campaign_id else ""
    yield about + (f", slot {found.slot}" if found.slot else "")
    yield ""
    yield from found.findings
    yield from found.warnings
    is_share = found.unit == "share"
    rewarded = found.outcome if is_share else "rewarded"
    if found.arms:
        yield ""
        head = ["", "decisions", YOUNG, "contacts", rewarded, "a decision", "95 % interval", "minus control"]
        yield from aligned([head, *(_arm(one, is_share=is_share) for one in found.arms)])
    if found.messages:
        yield ""
        cells = [["message", "sent", YOUNG, rewarded, "a send", "with everybody", "95 % interval"]]
        for one in found.messages:
            value, _ = _cells(one.reward, is_share=is_share)
            named = one.message if one.name is None else f"{one.name} ({one.message})"
            counts = [f"{one.sent:,}", _young(one), f"{one.rewarded:,}"]
            cells.append([named, *counts, value, *_cells(one.with_everybody, is_share=is_share)])
        any_value, any_interval = _cells(found.equal_chances, is_share=is_share)
        cells.append(["any, by lot", "", "", "", "", any_value, any_interval])
        yield from aligned(cells)


def _arm(one: "MessageArm", *, is_share: bool) -> list[str]:
    named = _ARMS[one.arm] if one.version is None else f"  version {one.version}"
    named += ", by lot" if one.version == UNTRAINED else ""
    counts = [f"{one.decisions:,}", _young(one), f"{one.contacts:,}", f"{one.rewarded:,}"]
    value, interval = _cells(one.against_control, is_share=is_share)
    gap = "-" if one.against_control is None else f"{value} ({interval})"
    return [named, *counts, *_cells(one.reward, is_share=is_share), gap]


def _young(one: "MessageArm | MessageResult") -> str:
    """Return how many are not counted yet, and how many of them earned something already."""
    return f"{one.pending:,} ({one.pending_rewarded:,})" if one.pending else "0"


def _cells(one: "Estimate | None", *, is_share: bool) -> tuple[str, str]:
    if one is None:
        return "-", "-"
    form = "{:.2%}" if is_share else "{:,.2f}"
    return form.format(one.value), f"{form.format(one.low)} to {form.format(one.high)}"


def _day(at: datetime | None) -> date | None:
    return None if at is None else at.date()
