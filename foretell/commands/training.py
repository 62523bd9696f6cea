"""`foretell train`: from what the store holds to a registered, judged and promoted version."""

from typing import Annotated

import typer

from foretell.options import DEFAULT_ACCOUNT, AccountOption, examples
from shared.training.choices import Choices

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

ForbidOption = Annotated[
    list[str] | None,
    typer.Option(help="Never learn from a column, nor ask about it; repeat for several.", metavar="COLUMN"),
]
OrderOption = Annotated[
    str | None,
    typer.Option(
        help="Flat data: the date by which rows follow each other; none: judge without an order. Default: found.",
        metavar="COLUMN|created_at|none",
    ),
]
DetailsOption = Annotated[bool, typer.Option("--details", help="Print every figure and candidate as well.")]


@app.command(
    epilog=examples(
        "foretell train scoring --outcome customer",
        "foretell train scoring --outcome converted --allow Tags --forbid LeadQuality --no-promote",
        "foretell train scoring --outcome converted --order-by created_at --details",
    )
)
def scoring(
    *,
    outcome: OutcomeOption,
    account: AccountOption = DEFAULT_ACCOUNT,
    no_promote: NoPromoteOption = False,
    allow: AllowOption = None,
    forbid: ForbidOption = None,
    order_by: OrderOption = None,
    details: DetailsOption = False,
) -> None:
    """Train lead scoring; running services serve a promoted version within 30 s. Exit 3 when none is promoted."""
    choices = _choices(promote=not no_promote, allow=allow, forbid=forbid, order_by=order_by)
    _train("scoring", outcome, account, choices, details=details)


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
    forbid: ForbidOption = None,
    order_by: OrderOption = None,
    details: DetailsOption = False,
) -> None:
    """Train churn risk; running services serve a promoted version within 30 s. Exit 3 when none is promoted."""
    choices = _choices(promote=not no_promote, allow=allow, forbid=forbid, order_by=order_by)
    _train("churn", outcome, account, choices, details=details)


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
    details: DetailsOption = False,
) -> None:
    """Find segments; running services serve a promoted version within 30 s. Kept segments keep their names."""
    from foretell.learning import train_account
    from foretell.opening import opened_account

    choices = _choices(promote=not no_promote, allow=attribute)
    with opened_account(account) as (settings, database, _):
        train_account(settings, database, account, "segmentation", choices=choices, details=details, segments=segments)


@app.command(epilog=examples("foretell train sendtime", "foretell train sendtime --no-promote"))
def sendtime(
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    no_promote: NoPromoteOption = False,
    details: DetailsOption = False,
) -> None:
    """Train send time; running services serve a promoted version within 30 s. Exit 3 when none is promoted."""
    from foretell.learning import train_account
    from foretell.opening import opened_account

    with opened_account(account) as (settings, database, _):
        train_account(
            settings, database, account, "sendtime", choices=_choices(promote=not no_promote), details=details
        )


def _choices(
    *, promote: bool, allow: list[str] | None = None, forbid: list[str] | None = None, order_by: str | None = None
) -> Choices:
    return Choices(promote, frozenset(allow or ()), frozenset(forbid or ()), order_by)


def _train(capability: str, outcome: str, account: str, choices: Choices, *, details: bool) -> None:
    from foretell.learning import train_outcome
    from foretell.opening import opened_account

    with opened_account(account) as (settings, database, _):
        train_outcome(settings, database, account, capability, outcome, choices=choices, details=details)
