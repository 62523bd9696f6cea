"""`foretell dead-letters`: what came by webhook and could not be taken."""

from typing import Annotated

import typer

from foretell.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption, examples
from shared.contracts.rows import now_us
from shared.errors import BadRequest, NotFound

app = typer.Typer(
    no_args_is_help=True,
    help="Look at what came by webhook and could not be taken, and try it again.",
    epilog=examples("foretell dead-letters list", "foretell dead-letters retry --reason unknown_contact"),
)
SourceOption = Annotated[str | None, typer.Option("--source", help="Only of the source of this name.", metavar="NAME")]
ReasonOption = Annotated[str | None, typer.Option(help="Only with this reason, such as unknown_contact.")]
LetterArgument = Annotated[str, typer.Argument(help="A letter's id, as the list shows it.", metavar="ID")]


@app.command("list", epilog=examples("foretell dead-letters list", "foretell dead-letters list --source newsletter"))
def list_letters(
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    source: SourceOption = None,
    reason: ReasonOption = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 100,
    json: JsonOption = False,
) -> None:
    """List dead letters, oldest first."""
    from foretell.cli.context import opened_account
    from foretell.cli.output import instant, show_rows

    with opened_account(account) as (_, _, store):
        names = {one.source_id: one.name for one in store.sources.all()}
        found = store.sources.dead_letters.page(limit, source_id=_source_id(names, source), reason=reason)
    rows = [
        {
            "id": letter.dead_letter_id,
            "source": names.get(letter.source_id, "(removed)"),
            "reason": letter.reason,
            "times": letter.times,
            "received_at": instant(letter.received_at),
            "detail": letter.detail,
        }
        for letter in found
    ]
    show_rows(rows, as_json=json, empty="There are no dead letters.")


@app.command(epilog=examples("foretell dead-letters show dl_5b1f0c9e7a3d2468ace01357"))
def show(letter_id: LetterArgument, *, account: AccountOption = DEFAULT_ACCOUNT) -> None:
    """Print a letter as JSON: why it is one, and the item without what is personal."""
    import json

    from foretell.cli.context import opened_account
    from foretell.cli.output import instant

    with opened_account(account) as (_, _, store):
        letter = store.sources.dead_letters.find(letter_id)
    if letter is None:
        raise _absent(letter_id, account)
    shown = {**letter._asdict(), "payload": json.loads(letter.payload), "received_at": instant(letter.received_at)}
    typer.echo(json.dumps(shown, indent=2))


@app.command(
    epilog=examples("foretell dead-letters retry --reason unknown_contact", "foretell dead-letters retry --all")
)
def retry(
    letter_id: Annotated[str | None, typer.Argument(help="One letter; else name some.", metavar="[ID]")] = None,
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    source: SourceOption = None,
    reason: ReasonOption = None,
    every: Annotated[bool, typer.Option("--all", help="All of the account.")] = False,
) -> None:
    """Try letters again; those that are taken are gone, the others say why not."""
    from foretell.cli.context import identity_key, opened_account
    from gateway.webhooks.intake import DeadLetterRetry
    from gateway.webhooks.providers import PROVIDERS

    if letter_id is None and not (every or source or reason):
        raise BadRequest("Name a letter, --source, --reason or --all.")
    with opened_account(account) as (settings, _, store):
        retrying = DeadLetterRetry(store, PROVIDERS, identity_key(settings))
        if letter_id is not None:
            letter = store.sources.dead_letters.find(letter_id)
            if letter is None:
                raise _absent(letter_id, account)
            taken = int(retrying.retry(letter, at=now_us()))
            stay = 1 - taken
        else:
            names = {one.source_id: one.name for one in store.sources.all()}
            chosen = _source_id(names, source)
            taken, stay = retrying.retry_all(source_id=chosen, reason=reason, at=now_us())
    typer.echo(f"Taken: {taken}. Still dead: {stay}.")


def _source_id(names: dict[str, str], name: str | None) -> str | None:
    if name is None:
        return None
    for source_id, known in names.items():
        if known == name:
            return source_id
    raise NotFound(f"There is no source '{name}': `foretell sources list` shows them.")


def _absent(letter_id: str, account: str) -> NotFound:
    return NotFound(f"The account {account} has no dead letter '{letter_id}': `foretell dead-letters list` shows them.")
