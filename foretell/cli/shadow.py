"""`foretell models shadow`: a version that answers beside the champion, unseen."""

from typing import Annotated

import typer

from foretell.cli.options import DEFAULT_ACCOUNT, AccountOption, CapabilityOption, JsonOption
from shared.contracts.rows import now_us
from shared.errors import NotFound


def shadow(
    outcome: Annotated[str, typer.Argument(help="The outcome that the model predicts, or the model as listed.")],
    version: Annotated[str | None, typer.Argument(help="The version that answers unseen. Default: show it.")] = None,
    *,
    share: Annotated[float, typer.Option(min=0.0001, max=1, help="Of the contacts, always the same ones.")] = 0.1,
    off: Annotated[bool, typer.Option("--off", help="End it.")] = False,
    account: AccountOption = DEFAULT_ACCOUNT,
    capability: CapabilityOption = "scoring",
    json: JsonOption = False,
) -> None:
    """Let a version answer beside the champion, unseen, and show how the answers differ."""
    import json as codec

    from foretell.cli.context import named_model, opened_account
    from foretell.cli.output import aligned, instant

    account, capability, outcome = named_model(outcome, account, capability)
    with opened_account(account) as (_, _, store):
        if off:
            ended = store.models.shadows.end(capability, outcome, at=now_us())
            typer.echo("It ended." if ended else "No version shadows this model.")
            return
        if version is not None:
            store.models.shadows.start(capability, outcome, version, share, at=now_us())
        row = store.models.shadows.of(capability, outcome)
    if row is None:
        raise NotFound("No version shadows this model: `foretell models shadow NAME VERSION --share 0.1` lets one.")
    found = {} if row.comparison is None else row.comparison._asdict()
    facts = {"version": row.version, "share": row.share, "since": instant(row.since), **found}
    if row.comparison is not None:
        facts["compared_at"] = instant(row.comparison.compared_at)
    if json:
        typer.echo(codec.dumps(facts, indent=2))
        return
    for line in aligned([[name, str(value)] for name, value in facts.items()]):
        typer.echo(line)
