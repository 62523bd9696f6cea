"""`foretell keys`: what clients authenticate with; the text of a key is shown once."""

from typing import Annotated

import typer

from foretell.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption, YesOption, examples
from shared.contracts.call import SCOPES
from shared.contracts.rows import now_us
from shared.errors import BadRequest, Conflict, NotFound

app = typer.Typer(
    no_args_is_help=True, help="Make, list, rotate and revoke API keys.", epilog=examples("foretell keys list")
)


@app.command(epilog=examples("foretell keys create --name crm --scope predict --scope ingest", "foretell keys create"))
def create(
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    name: Annotated[str, typer.Option(help="What it is for; shown in the list.")] = "key",
    scope: Annotated[
        list[str] | None, typer.Option(help=f"Repeat for several: {', '.join(SCOPES)}. Default: all but admin.")
    ] = None,
    expires_in: Annotated[str | None, typer.Option(help="End of life, such as 90d.", metavar="DURATION")] = None,
) -> None:
    """Make a key and print it, once."""
    from foretell.cli.context import opened_account
    from foretell.cli.durations import duration
    from foretell.cli.output import print_note
    from shared.contracts.call import new_key

    scopes = tuple(dict.fromkeys(scope)) if scope else tuple(one for one in SCOPES if one != "admin")
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown:
        raise BadRequest(f"'{unknown[0]}' is no scope: use {', '.join(SCOPES)}.")
    at = now_us()
    expires_at = None if expires_in is None else at + int(duration(expires_in).total_seconds() * 1_000_000)
    made = new_key()
    with opened_account(account) as (_, _, store):
        store.keys.create(
            name, scopes, public_id=made.public_id, digest=made.digest, created_at=at, expires_at=expires_at
        )
    print_note("Keep it safe: only its digest is stored, it cannot be shown again.")
    typer.echo(made.text)


@app.command("list", epilog=examples("foretell keys list --account acme"))
def list_keys(*, account: AccountOption = DEFAULT_ACCOUNT, json: JsonOption = False) -> None:
    """List an account's keys, revoked ones included."""
    from foretell.cli.context import opened_account
    from foretell.cli.output import instant, show_rows

    with opened_account(account) as (_, _, store):
        known = store.keys.all()
        rows = [
            {
                "id": row.public_id,
                "name": row.name,
                "scopes": list(row.scopes),
                "created_at": instant(row.created_at),
                "last_used_at": instant(row.last_used_at),
                "expires_at": instant(row.expires_at),
                "revoked_at": instant(row.revoked_at),
            }
            for row in known
        ]
    show_rows(rows, as_json=json, empty=f"The account {account} has no keys: `foretell keys create` makes one.")


@app.command(epilog=examples("foretell keys rotate 7Kd02mPqXz", "foretell keys rotate 7Kd02mPqXz --keep-old-for 1h"))
def rotate(
    public_id: Annotated[str, typer.Argument(help="The part of the key between fk_ and the second _.")],
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    keep_old_for: Annotated[
        str, typer.Option(help="How long the old key goes on working beside the new one.", metavar="DURATION")
    ] = "7d",
) -> None:
    """Make a key with the same scopes, print it once, and let the old one end."""
    from foretell.cli.context import opened_account
    from foretell.cli.durations import duration
    from foretell.cli.output import instant, print_note
    from shared.contracts.call import new_key

    kept = duration(keep_old_for)
    if kept.days > 365:
        raise BadRequest("A key that is replaced may be kept for at most 365d.")
    at = now_us()
    old_until = at + int(kept.total_seconds() * 1_000_000)
    made = new_key()
    with opened_account(account) as (_, _, store):
        known = store.keys.all()
        old = next((row for row in known if row.public_id == public_id), None)
        if old is None:
            raise NotFound(f"The account {account} has no key '{public_id}': `foretell keys list` shows them.")
        if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= at):
            raise Conflict(f"The key '{public_id}' is not valid any more: make a new one with `foretell keys create`.")
        store.keys.rotate(old, public_id=made.public_id, digest=made.digest, at=at, old_until=old_until)
        until = old_until if old.expires_at is None else min(old_until, old.expires_at)
    print_note(f"The old key works until {instant(until)}. Keep the new one safe: it cannot be shown again.")
    typer.echo(made.text)


@app.command(epilog=examples("foretell keys revoke 7Kd02mPqXz --yes"))
def revoke(
    public_id: Annotated[str, typer.Argument(help="The part of the key between fk_ and the second _.")],
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    yes: YesOption = False,
) -> None:
    """Revoke a key; a running gateway refuses it within seconds."""
    from foretell.cli.context import opened_account

    with opened_account(account) as (_, _, store):
        known = store.keys.all()
        if public_id not in {row.public_id for row in known}:
            raise NotFound(f"The account {account} has no key '{public_id}': `foretell keys list` shows them.")
        if not yes:
            raise Conflict(f"Clients that use the key '{public_id}' will be refused; add --yes to revoke it.")
        store.keys.revoke(public_id, now_us())
    typer.echo(f"Revoked {public_id}.")
