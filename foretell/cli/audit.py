"""`foretell audit`: who administered what."""

from typing import Annotated

import typer

from foretell.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption, examples

AUDIT_EXAMPLES = examples("foretell audit", "foretell audit --account acme --limit 1000 --json")


def audit(
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.", metavar="N")] = 100,
    json: JsonOption = False,
) -> None:
    """List administrative actions, the newest first."""
    from foretell.cli.context import opened_account
    from foretell.cli.output import instant, show_rows

    with opened_account(account) as (_, _, store):
        rows = [
            {
                "number": row.number,
                "at": instant(row.at),
                "actor": row.actor,
                "action": row.action,
                "target": row.target,
                "detail": dict(row.detail) if json else ", ".join(f"{name}={row.detail[name]}" for name in row.detail),
            }
            for row in store.audit.page(limit)
        ]
    show_rows(rows, as_json=json, empty=f"Nothing was administered in the account {account} yet.")
