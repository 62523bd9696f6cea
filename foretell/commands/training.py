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


OutcomeOption = Annotated[str, typer.Option("--outcome", "-o", help="What is to be predicted.", metavar="NAME")]
NoPromoteOption = Annotated[
    bool, typer.Option("--no-promote", help="Register the version, whatever the gate says, and leave it at that.")
]
AllowOption = Annotated[
    list[str] | None,
    typer.Option(help="Keep a column that looks as if it knew the future; repeat for several.", metavar="COLUMN"),
]


@app.command(
    epilog=examples(
        "foretell train scoring --outcome customer",
        "foretell train scoring --outcome converted --allow Tags --allow LeadQuality --no-promote",
    )
)
def scoring(
    *,
    outcome: OutcomeOption,
    account: AccountOption = DEFAULT_ACCOUNT,
    no_promote: NoPromoteOption = False,
    allow: AllowOption = None,
) -> None:
    """Train lead scoring; running services serve a promoted version within 30 s. Exit 3 when none is promoted."""
    _train("scoring", outcome, account, promote=not no_promote, allow=allow)


@app.command(
    epilog=examples(
        "foretell train churn",
        "foretell train churn --outcome lapsed --no-promote",
    )
)
def churn(
    *,
    outcome: Annotated[
        str, typer.Option("--outcome", "-o", help="What leaving means; see foretell outcomes.", metavar="NAME")
    ] = "churn",
    account: AccountOption = DEFAULT_ACCOUNT,
    no_promote: NoPromoteOption = False,
    allow: AllowOption = None,
) -> None:
    """Train churn risk; running services serve a promoted version within 30 s. Exit 3 when none is promoted."""
    _train("churn", outcome, account, promote=not no_promote, allow=allow)


@app.command(
    epilog=examples(
        "foretell train segmentation",
        "foretell train segmentation --segments 5 --attribute plan --no-promote",
    )
)
def segmentation(
    *,
    segments: Annotated[
        int | None, typer.Option(help="How many; chosen by measurement when omitted.", min=2, max=20, metavar="N")
    ] = None,
    attribute: Annotated[
        list[str] | None,
        typer.Option(help="Let an attribute count beside behaviour; repeat for several.", metavar="NAME"),
    ] = None,
    account: AccountOption = DEFAULT_ACCOUNT,
    no_promote: NoPromoteOption = False,
) -> None:
    """Find segments; running services serve a promoted version within 30 s. Kept segments keep their names."""
    from foretell.learning import train_account
    from foretell.opening import opened_account

    promote, allow = not no_promote, tuple(attribute or ())
    with opened_account(account) as (settings, database, _):
        train_account(settings, database, account, "segmentation", promote=promote, allow=allow, segments=segments)


@app.command(epilog=examples("foretell train sendtime", "foretell train sendtime --no-promote"))
def sendtime(*, account: AccountOption = DEFAULT_ACCOUNT, no_promote: NoPromoteOption = False) -> None:
    """Train send time; running services serve a promoted version within 30 s. Exit 3 when none is promoted."""
    from foretell.learning import train_account
    from foretell.opening import opened_account

    with opened_account(account) as (settings, database, _):
        train_account(settings, database, account, "sendtime", promote=not no_promote)


def _train(capability: str, outcome: str, account: str, *, promote: bool, allow: list[str] | None) -> None:
    from foretell.learning import train_outcome
    from foretell.opening import opened_account

    with opened_account(account) as (settings, database, _):
        train_outcome(settings, database, account, capability, outcome, promote=promote, allow=tuple(allow or ()))
