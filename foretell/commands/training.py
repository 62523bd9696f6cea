"""`foretell train`: from what the store holds to a registered, judged and promoted version."""

from typing import Annotated

import typer

from foretell.options import DEFAULT_ACCOUNT, AccountOption, examples

app = typer.Typer(
    no_args_is_help=True,
    help="Train, judge, register and promote a model.",
    epilog=examples("foretell train scoring --outcome customer"),
)


@app.callback()
def group() -> None:
    """Train, judge, register and promote a model."""


@app.command(
    epilog=examples(
        "foretell train scoring --outcome customer",
        "foretell train scoring --outcome converted --allow Tags --allow LeadQuality --no-promote",
    )
)
def scoring(
    *,
    outcome: Annotated[str, typer.Option("--outcome", "-o", help="What is to be predicted.", metavar="NAME")],
    account: AccountOption = DEFAULT_ACCOUNT,
    no_promote: Annotated[
        bool, typer.Option("--no-promote", help="Register the version, whatever the gate says, and leave it at that.")
    ] = False,
    allow: Annotated[
        list[str] | None,
        typer.Option(help="Keep a column that looks as if it knew the future; repeat for several.", metavar="COLUMN"),
    ] = None,
) -> None:
    """Train lead scoring; running services serve a promoted version within 30 s. Exit 3 when none is promoted."""
    from foretell.learning import train_scoring
    from foretell.opening import opened_account

    with opened_account(account) as (settings, database, _):
        train_scoring(settings, database, account, outcome, promote=not no_promote, allow=tuple(allow or ()))
