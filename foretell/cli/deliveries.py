"""`foretell deliveries`: what was sent to whom, and sending it once more."""

from typing import Annotated, Literal

import typer

from foretell.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption, examples
from shared.contracts.rows import Microseconds, microseconds, now_us
from shared.errors import BadRequest

app = typer.Typer(
    no_args_is_help=True,
    help="List deliveries of webhooks and replay them.",
    epilog=examples("foretell deliveries list --state failed"),
)
STATES = ("pending", "delivered", "failed")


@app.command("list", epilog=examples("foretell deliveries list --state failed --limit 20"))
def list_deliveries(
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    subscription: Annotated[str | None, typer.Option(help="Only to this one.", metavar="ID")] = None,
    state: Annotated[str | None, typer.Option(help=f"Only those that are so: {', '.join(STATES)}.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many at most, the newest.")] = 50,
    json: JsonOption = False,
) -> None:
    """List deliveries, newest first."""
    from foretell.cli.context import opened_account
    from foretell.cli.output import instant, show_rows

    with opened_account(account) as (_, _, store):
        found = store.deliveries.page(limit, subscription_id=subscription, state=_state(state))
        rows = [
            {
                "id": row.delivery_id,
                "subscription": row.subscription_id,
                "type": row.type,
                "state": row.state,
                "attempts": row.attempts,
                "created_at": instant(row.created_at),
                "due_at": instant(row.due_at) if row.state == "pending" else None,
            }
            for row in found
        ]
    show_rows(rows, as_json=json, empty="There are no such deliveries.")


@app.command(
    epilog=examples(
        "foretell deliveries replay dlv_9c1f0e4f3a5b1d0c6c5f0e4f",
        "foretell deliveries replay --subscription sub_5b1d0c6c5f0e4f3a --from 2026-06-01 --until 2026-06-02 --state failed",  # noqa: E501
    )
)
def replay(
    delivery_id: Annotated[str | None, typer.Argument(help="One delivery; else name a subscription.")] = None,
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    subscription: Annotated[
        str | None, typer.Option(help="Everything to this one, in a stretch.", metavar="ID")
    ] = None,
    since: Annotated[str | None, typer.Option("--from", help="Made at or after, ISO 8601, UTC.")] = None,
    until: Annotated[str | None, typer.Option(help="And before.")] = None,
    state: Annotated[str | None, typer.Option(help="Only those that ended so: delivered or failed.")] = None,
) -> None:
    """Deliver once more, under the same ids: one delivery, or a stretch of time."""
    from foretell.cli.context import opened_account
    from shared.store import ENDED

    if (delivery_id is None) == (subscription is None):
        raise BadRequest("Name one delivery, or a subscription with --from and --until.")
    with opened_account(account) as (_, _, store):
        if delivery_id is not None:
            store.deliveries.replay(delivery_id, at=now_us())
            count = 1
        else:
            chosen = _state(state)
            states = ENDED if chosen is None else (chosen,)
            if "pending" in states:
                raise BadRequest("What is pending is delivered anyway: use delivered or failed.")
            first, last = _instant("--from", since), _instant("--until", until)
            count = store.deliveries.replay_many(str(subscription), first, last, states=states, at=now_us())
    typer.echo(f"{count} due once more.")


def _state(text: str | None) -> Literal["pending", "delivered", "failed"] | None:
    match text:
        case None | "pending" | "delivered" | "failed":
            return text
    raise BadRequest(f"'{text}' is no state: use {', '.join(STATES)}.")


def _instant(option: str, text: str | None) -> Microseconds:
    from datetime import UTC, datetime

    if text is None:
        raise BadRequest("A stretch of time needs --from and --until.")
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadRequest(f"{option} is no time: write 2026-06-01 or 2026-06-01T09:30:00Z.") from error
    return microseconds(read if read.tzinfo is not None else read.replace(tzinfo=UTC))
