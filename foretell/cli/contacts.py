"""`foretell contacts`: a person's rights: everything held, and its end."""

from pathlib import Path
from typing import Annotated

import typer

from foretell.cli.options import DEFAULT_ACCOUNT, AccountOption, YesOption, examples
from shared.contracts.rows import now_us
from shared.errors import Conflict, NotFound

app = typer.Typer(
    no_args_is_help=True,
    help="Export or erase what is held of a contact.",
    epilog=examples("foretell contacts export c-42 --output c-42.json", "foretell contacts erase c-42 --yes"),
)
IdArgument = Annotated[str, typer.Argument(help="Your own id of the contact.")]


@app.command(epilog=examples("foretell contacts export c-42", "foretell contacts export c-42 --output c-42.json"))
def export(
    contact_id: IdArgument,
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    output: Annotated[
        Path | None, typer.Option(help="Write it there, readable by you alone. Default: print it.", metavar="FILE")
    ] = None,
) -> None:
    """Write everything held of a contact as one JSON document."""
    from foretell import home
    from foretell.cli.context import opened_account

    with opened_account(account) as (_, _, store):
        text = b"".join(store.privacy.export(contact_id, at=now_us())).decode()
    if output is None:
        typer.echo(text)
        return
    home.write_private(output, text + "\n")
    typer.echo(f"Wrote {output}.")


@app.command(epilog=examples("foretell contacts erase c-42 --yes", "foretell contacts erase c-42 --account acme --yes"))
def erase(contact_id: IdArgument, *, account: AccountOption = DEFAULT_ACCOUNT, yes: YesOption = False) -> None:
    """Erase everything held of a contact; late events stay out until it is explicitly put again."""
    from foretell import rejects
    from foretell.cli.context import known_identity_key, opened_account

    if not yes:
        raise Conflict("This erases everything held of the contact; add --yes to do it.")
    with opened_account(account) as (settings, database, store):
        found = store.privacy.erase(contact_id, at=now_us())
        found |= rejects.erase(settings.home, account, contact_id)
        rejects.sweep(settings.home, database, known_identity_key(settings))
        if not found:
            raise NotFound(f"The account {account} holds nothing of this contact.")
    typer.echo("Erased the contact.")
