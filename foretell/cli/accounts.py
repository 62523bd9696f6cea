"""`foretell accounts`: every row, key and model belongs to one."""

from typing import Annotated

import typer

from foretell.cli.options import JsonOption, YesOption, examples
from shared.errors import Conflict, NotFound

app = typer.Typer(
    no_args_is_help=True, help="Make, list and erase accounts.", epilog=examples("foretell accounts list")
)
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
