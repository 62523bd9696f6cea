"""`foretell console`: a link that signs in to the console once."""

import os
from typing import Annotated

import typer

from foretell.cli.options import DEFAULT_ACCOUNT, AccountOption, examples

CONSOLE_EXAMPLES = examples("foretell console", "foretell console --account demo --url https://foretell.example.com")


def console(
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    url: Annotated[
        str | None, typer.Option(help="Address of the gateway; default: FORETELL_PUBLIC_URL, else this machine.")
    ] = None,
) -> None:
    """Print a link that signs in to the console once, within an hour, with the account's key in this home."""
    from foretell import home
    from foretell.cli.greeting import console_link
    from foretell.cli.output import print_note
    from shared.errors import Conflict
    from shared.settings import Settings, read

    settings = read(Settings)
    path = settings.keys_folder / account
    if not path.exists():
        raise Conflict(f"There is no key of {account} in this home: sign in with one from foretell keys create.")
    signing_key = os.environ.get("FORETELL_SIGNING_KEY") or home.secret(settings.home, "signing_key")
    typer.echo(console_link(url or settings.resolved_public_url(), path, signing_key))
    print_note("It works once, within an hour.")
