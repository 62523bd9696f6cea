"""`foretell sources`: where webhooks come from."""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foretell.cli.failures import first_mistake
from foretell.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption, YesOption, duration, examples
from shared.contracts.rows import HOUR, now_us
from shared.errors import BadRequest, Conflict, NotFound

if TYPE_CHECKING:
    from gateway.webhooks.provider import Provider
    from shared.settings import Settings
    from shared.store import AccountStore, SourceRow

app = typer.Typer(
    no_args_is_help=True,
    help="Let email platforms and CRMs send what happened.",
    epilog=examples("foretell sources add newsletter --provider sendgrid --secret-stdin < key.txt"),
)
NameArgument = Annotated[str, typer.Argument(help="What you call it: a-z, 0-9, - and _.")]
SecretOption = Annotated[
    str | None,
    typer.Option(help="As the provider shows it; it is in the shell's history then, unlike with --secret-stdin."),
]
StdinOption = Annotated[bool, typer.Option("--secret-stdin", help="Read the secret from standard input.")]


@app.command(
    epilog=examples(
        "foretell sources add newsletter --provider sendgrid --secret MFkwEwYHKoZIzj0CAQ...",
        "foretell sources add bulk --provider ses --topic arn:aws:sns:eu-west-1:123456789012:mail",
    )
)
def add(
    name: NameArgument,
    *,
    provider: Annotated[str, typer.Option(help="Who sends, such as sendgrid, mailgun, hubspot, segment.")],
    account: AccountOption = DEFAULT_ACCOUNT,
    secret: SecretOption = None,
    secret_stdin: StdinOption = False,
    topic: Annotated[
        list[str] | None, typer.Option(help="Amazon SNS: a topic that is believed; repeat for several.", metavar="ARN")
    ] = None,
    create_contacts: Annotated[
        bool, typer.Option("--create-contacts", help="People who are not known become contacts.")
    ] = False,
) -> None:
    """Make a source and print the address to paste at the provider."""
    from foretell.cli.context import identity_key, opened_account
    from gateway.sources.schemas import SourceRequest
    from gateway.webhooks.providers import PROVIDERS
    from gateway.webhooks.sources import new_source, source_url
    from shared.contracts.seal import Seal

    given = _secret(secret, from_stdin=secret_stdin)
    request = _checked(
        SourceRequest, name=name, provider=provider, secrets=[given] if given else [], topics=topic or []
    )
    with opened_account(account) as (settings, _, store):
        source = new_source(
            account,
            request.name,
            PROVIDERS,
            request.provider,
            secrets=[one.get_secret_value() for one in request.secrets],
            topics=request.topics,
            creates_contacts=create_contacts,
            seal=Seal(identity_key(settings)),
            at=now_us(),
        )
        store.sources.add(source)
        typer.echo(source_url(settings.resolved_public_url(), source))
    _print_next_steps(PROVIDERS[provider], settings)


@app.command("list", epilog=examples("foretell sources list", "foretell sources list --json"))
def list_sources(*, account: AccountOption = DEFAULT_ACCOUNT, json: JsonOption = False) -> None:
    """List an account's sources."""
    from foretell.cli.context import opened_account
    from foretell.cli.output import show_rows

    with opened_account(account) as (settings, _, store):
        counts = store.sources.dead_letters.counts()
        rows = [_row(source, settings, counts.get(source.source_id, {})) for source in store.sources.all()]
    show_rows(rows, as_json=json, empty=f"The account {account} has no sources: `foretell sources add` makes one.")


@app.command(epilog=examples("foretell sources show newsletter"))
def show(name: NameArgument, *, account: AccountOption = DEFAULT_ACCOUNT, json: JsonOption = False) -> None:
    """Show a source's address, and its secrets without themselves."""
    from foretell.cli.context import opened_account
    from foretell.cli.output import instant, show_rows

    with opened_account(account) as (settings, _, store):
        source = _known(store, name, account)
        row = _row(source, settings, store.sources.dead_letters.counts().get(source.source_id, {}))
        rows = [
            {
                **row,
                "secret": secret.secret_id,
                "secret_created_at": instant(secret.created_at),
                "secret_expires_at": instant(secret.expires_at),
            }
            for secret in source.secrets
        ]
    show_rows(rows or [row], as_json=json, empty="")


@app.command(epilog=examples("foretell sources rotate newsletter --secret-stdin --keep-old-for 1d < new-key.txt"))
def rotate(
    name: NameArgument,
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    secret: SecretOption = None,
    secret_stdin: StdinOption = False,
    keep_old_for: Annotated[
        str, typer.Option(help="How long the older secrets go on being good.", metavar="DURATION")
    ] = "1d",
) -> None:
    """Give a source a new secret; the old ones go on being good for a while."""
    from foretell.cli.context import identity_key, opened_account
    from foretell.cli.output import instant
    from gateway.sources.schemas import SecretRequest
    from gateway.webhooks.providers import PROVIDERS
    from gateway.webhooks.sources import new_secret
    from shared.contracts.seal import Seal

    given = _secret(secret, from_stdin=secret_stdin)
    if given is None:
        raise BadRequest("Give the new secret: --secret, or --secret-stdin.")
    hours = duration(keep_old_for).total_seconds() / 3_600
    request = _checked(SecretRequest, secret=given, overlap_hours=hours)
    with opened_account(account) as (settings, _, store):
        source, at = _known(store, name, account), now_us()
        ends = at + round(request.overlap_hours * HOUR)
        provider = PROVIDERS[source.provider]
        made = new_secret(provider, request.secret.get_secret_value(), Seal(identity_key(settings)), at=at)
        store.sources.add_secret(source.source_id, made, others_expire_at=ends)
    typer.echo(f"{name} has a new secret; the older ones are good until {instant(ends)}.")


@app.command(epilog=examples("foretell sources remove newsletter --yes"))
def remove(name: NameArgument, *, account: AccountOption = DEFAULT_ACCOUNT, yes: YesOption = False) -> None:
    """Remove a source; what it sends from then on is refused, what it brought stays."""
    from foretell.cli.context import opened_account

    with opened_account(account) as (_, _, store):
        source = _known(store, name, account)
        if not yes:
            raise Conflict(f"What {source.provider} sends to '{name}' will be refused; add --yes to remove it.")
        store.sources.remove(source.source_id)
    typer.echo(f"Removed the source {name}.")


def _row(source: "SourceRow", settings: "Settings", letters: Mapping[str, int]) -> dict[str, Any]:
    from foretell.cli.context import known_identity_key
    from foretell.cli.output import instant
    from gateway.webhooks.providers import PROVIDERS
    from gateway.webhooks.secrets import stored_problems
    from gateway.webhooks.sources import source_url
    from shared.contracts.seal import Seal

    key = known_identity_key(settings)
    problems = [] if key is None else stored_problems(source, PROVIDERS, Seal(key))
    return {
        "name": source.name,
        "provider": source.provider,
        "url": source_url(settings.resolved_public_url(), source),
        "creates_contacts": "yes" if source.creates_contacts else "",
        "topics": source.settings.get("topics", []),
        "last_received_at": instant(source.last_received_at),
        "dead_letters": [f"{reason}: {times}" for reason, times in letters.items()],
        "warnings": [f"{problem.secret_id}: {problem.sentence}" for problem in problems],
    }


def _known(store: "AccountStore", name: str, account: str) -> "SourceRow":
    for source in store.sources.all():
        if source.name == name:
            return source
    raise NotFound(f"The account {account} has no source '{name}': `foretell sources list` shows them.")


def _secret(given: str | None, *, from_stdin: bool) -> str | None:
    if from_stdin and given is not None:
        raise BadRequest("Give --secret or --secret-stdin, not both.")
    return sys.stdin.read().strip() or None if from_stdin else given


def _checked(kind: Any, **fields: Any) -> Any:
    """Check what was given as the API checks it; a secret is never repeated."""
    from pydantic import ValidationError

    try:
        return kind(**fields)
    except ValidationError as error:
        raise BadRequest(first_mistake(error)) from None


def _print_next_steps(provider: "Provider", settings: "Settings") -> None:
    from foretell.cli.output import print_note

    print_note(f"Paste this address at {provider.title}. The secret: {provider.secret_hint}")
    if settings.public_url is None:
        print_note(
            "It is reached from this machine only; set FORETELL_PUBLIC_URL to how the gateway is reached from outside."
        )
