"""`foretell accounts`, `keys` and `audit`: what belongs to whom, keys that open it, and who administered what."""

from typing import Annotated

import typer

from foretell.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption, YesOption, duration, examples
from shared.contracts.call import SCOPES
from shared.contracts.rows import now_us
from shared.errors import BadRequest, Conflict, NotFound

app = typer.Typer(
    no_args_is_help=True, help="Make, list and erase accounts.", epilog=examples("foretell accounts list")
)
keys_app = typer.Typer(
    no_args_is_help=True, help="Make, list, rotate and revoke API keys.", epilog=examples("foretell keys list")
)
AUDIT_EXAMPLES = examples("foretell audit", "foretell audit --account acme --limit 1000 --json")
NameArgument = Annotated[str, typer.Argument(help="1 to 39 of a-z, 0-9 and -.")]


@app.command(epilog=examples("foretell accounts create acme"))
def create(name: NameArgument) -> None:
    """Make an account."""
    from foretell.cli.context import account_name, ensure_account, opened_database

    account_name(name)
    with opened_database() as (_, database):
        if not ensure_account(database, name):
            raise Conflict(f"The account '{name}' exists already.")
    typer.echo(f"Made the account {name}; give it a key with `foretell keys create --account {name}`.")


@app.command("list", epilog=examples("foretell accounts list", "foretell accounts list --json"))
def list_accounts(*, json: JsonOption = False) -> None:
    """List the accounts."""
    from foretell.cli.context import opened_database
    from foretell.cli.output import instant, show_rows

    with opened_database() as (_, database):
        rows = [{"account": row.name, "created_at": instant(row.created_at)} for row in database.accounts()]
    show_rows(rows, as_json=json, empty="There are no accounts.")


@app.command(epilog=examples("foretell accounts delete acme --yes"))
def delete(name: NameArgument, *, yes: YesOption = False) -> None:
    """Erase an account: its contacts, events, keys, predictions and champions; what MLflow holds stays."""
    from foretell.cli.context import account_name, known_identity_key, opened_database
    from foretell.rejects import sweep
    from shared.batches.files import BatchFiles

    account_name(name)
    with opened_database() as (settings, database):
        if name not in {row.name for row in database.accounts()}:
            raise NotFound(f"There is no account '{name}'.")
        if not yes:
            raise Conflict(f"This erases everything of '{name}'; add --yes to do it.")
        database.delete_account(name)
        (settings.keys_folder / name).unlink(missing_ok=True)
        sweep(settings.home, database, known_identity_key(settings))
        BatchFiles(settings.files_folder).remove_account(name)
    typer.echo(f"Erased the account {name}.")


@keys_app.command(
    "create", epilog=examples("foretell keys create --name crm --scope predict --scope ingest", "foretell keys create")
)
def create_key(
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


@keys_app.command("list", epilog=examples("foretell keys list --account acme"))
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


@keys_app.command(
    "rotate", epilog=examples("foretell keys rotate 7Kd02mPqXz", "foretell keys rotate 7Kd02mPqXz --keep-old-for 1h")
)
def rotate_key(
    public_id: Annotated[str, typer.Argument(help="The part of the key between fk_ and the second _.")],
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    keep_old_for: Annotated[
        str, typer.Option(help="How long the old key goes on working beside the new one.", metavar="DURATION")
    ] = "7d",
) -> None:
    """Make a key with the same scopes, print it once, and let the old one end."""
    from foretell.cli.context import opened_account
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


@keys_app.command("revoke", epilog=examples("foretell keys revoke 7Kd02mPqXz --yes"))
def revoke_key(
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
