"""`foretell subscriptions`: who is told what by signed webhooks."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from foretell.cli.failures import first_mistake
from foretell.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption, YesOption, examples
from shared.contracts.rows import now_us
from shared.errors import BadRequest, Conflict, NotFound

if TYPE_CHECKING:
    from shared.store import AccountStore, SubscriptionRow

app = typer.Typer(
    no_args_is_help=True,
    help="Make, list, try out and remove subscriptions to what changes.",
    epilog=examples("foretell subscriptions list"),
)
SubscriptionArgument = Annotated[str, typer.Argument(help="Id of the subscription, as `list` shows it.")]


@app.command(
    epilog=examples(
        "foretell subscriptions add https://crm.example.com/in --on score.band_changed",
        'foretell subscriptions add https://api.hubapi.com --on score.band_changed --connector hubspot --header "Authorization: Bearer TOKEN"',  # noqa: E501
    )
)
def add(
    url: Annotated[str, typer.Argument(help="Where to: https, a public host.")],
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    on: Annotated[list[str], typer.Option("--on", help="A type of message; repeat for several.", metavar="TYPE")],
    description: Annotated[str, typer.Option(help="For people.")] = "",
    connector: Annotated[
        str | None, typer.Option(help="dynamics, hubspot, klaviyo, salesforce or template.", metavar="NAME")
    ] = None,
    settings: Annotated[
        str | None, typer.Option(help="What the connector needs, a JSON object.", metavar="JSON")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option(help='Sent along, such as "Authorization: Bearer TOKEN".', metavar="HEADER")
    ] = None,
    model_changes: Annotated[
        bool, typer.Option("--model-changes", help="Also tell one by one what only another model changed.")
    ] = False,
) -> None:
    """Subscribe, and print the secret, once."""
    import asyncio

    from foretell.cli.context import identity_key, opened_account
    from foretell.cli.output import print_note
    from shared.contracts.seal import Seal
    from shared.settings import DeliverySettings, read
    from shared.webhooks_out.ssrf_guard import check_addresses, checked_url
    from shared.webhooks_out.subscriptions import new_subscription

    fields = _fields(
        url=url,
        event_types=on,
        description=description,
        connector=connector,
        settings=_object(settings),
        headers=dict(_header(text) for text in header or ()),
        model_changes=model_changes,
    )
    private = read(DeliverySettings).webhook_allow_private
    with opened_account(account) as (known, _, store):
        row, secret, text = new_subscription(fields, Seal(identity_key(known)), now_us(), allow_private=private)
        asyncio.run(check_addresses(checked_url(row.url, allow_private=private), allow_private=private))
        store.subscriptions.create(row, secret)
    print_note(f"Made {row.subscription_id}. Keep the secret safe: it is sealed here and cannot be shown again.")
    typer.echo(text)


@app.command("list", epilog=examples("foretell subscriptions list --account acme"))
def list_subscriptions(*, account: AccountOption = DEFAULT_ACCOUNT, json: JsonOption = False) -> None:
    """List an account's subscriptions, how they stand and what waits."""
    from foretell.cli.context import opened_account
    from foretell.cli.output import instant, show_rows

    with opened_account(account) as (_, _, store):
        counts = store.subscriptions.counts()
        rows = [
            {
                "id": row.subscription_id,
                "url": row.url,
                "connector": row.connector,
                "state": row.state,
                "failing_since": instant(row.failing_since),
                "pending": counts[row.subscription_id].pending if row.subscription_id in counts else 0,
                "failed": counts[row.subscription_id].failed if row.subscription_id in counts else 0,
            }
            for row in store.subscriptions.all()
        ]
    show_rows(rows, as_json=json, empty=f"The account {account} has none: `foretell subscriptions add` makes one.")


@app.command(epilog=examples("foretell subscriptions show sub_5b1d0c6c5f0e4f3a"))
def show(subscription_id: SubscriptionArgument, *, account: AccountOption = DEFAULT_ACCOUNT) -> None:
    """Show a subscription as JSON; secrets and the values of headers are not in it."""
    import json

    from foretell.cli.context import opened_account
    from foretell.cli.output import instant
    from shared.webhooks_out.subscriptions import header_names

    with opened_account(account) as (_, _, store):
        row = _known(store, subscription_id)
        shown: dict[str, Any] = {
            "id": row.subscription_id,
            "url": row.url,
            "event_types": list(row.event_types),
            "description": row.description,
            "connector": row.connector,
            "settings": dict(row.settings),
            "header_names": header_names(row),
            "model_changes": row.model_changes,
            "state": row.state,
            "state_reason": row.state_reason,
            "state_at": instant(row.state_at),
            "failing_since": instant(row.failing_since),
            "secrets": [secret.secret_id for secret in store.subscriptions.secrets(now_us()).get(subscription_id, [])],
            "created_at": instant(row.created_at),
        }
    typer.echo(json.dumps(shown, indent=2))


@app.command(epilog=examples("foretell subscriptions remove sub_5b1d0c6c5f0e4f3a --yes"))
def remove(
    subscription_id: SubscriptionArgument, *, account: AccountOption = DEFAULT_ACCOUNT, yes: YesOption = False
) -> None:
    """Remove a subscription with its secrets and deliveries; what waits is not delivered."""
    from foretell.cli.context import opened_account

    with opened_account(account) as (_, _, store):
        _known(store, subscription_id)
        if not yes:
            raise Conflict(f"What waits for '{subscription_id}' will not be delivered; add --yes to remove it.")
        store.subscriptions.delete(subscription_id)
    typer.echo(f"Removed {subscription_id}.")


@app.command(
    "test",
    epilog=examples(
        "foretell subscriptions test sub_5b1d0c6c5f0e4f3a",
        "foretell subscriptions test sub_5b1d0c6c5f0e4f3a --type score.band_changed --contact c-42",
    ),
)
def try_out(
    subscription_id: SubscriptionArgument,
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    type: Annotated[str, typer.Option(help="An example of which type is sent.", metavar="TYPE")] = "subscription.test",
    contact: Annotated[
        str | None, typer.Option(help="Put into the example; a connector writes that record.", metavar="ID")
    ] = None,
) -> None:
    """Deliver an example now and print what came back."""
    import asyncio

    from foretell.cli.context import identity_key, opened_account
    from shared.contracts.message import EXAMPLES
    from shared.contracts.seal import Seal
    from shared.settings import DeliverySettings, read
    from shared.webhooks_out.test_send import send_test

    if type not in EXAMPLES:
        raise BadRequest(f"'{type}' is no type of message: use {', '.join(EXAMPLES)}.")
    with opened_account(account) as (settings, _, store):
        row, at = _known(store, subscription_id), now_us()
        secrets = store.subscriptions.secrets(at).get(subscription_id, [])
        seal = Seal(identity_key(settings))
        sent = asyncio.run(
            send_test(row, secrets, seal, at, kind=type, contact_id=contact, settings=read(DeliverySettings))
        )
    answer = sent.answer
    came_back = f"status {answer.status}" if answer.status is not None else f"no answer ({answer.error})"
    response = f": {answer.response}" if answer.response else "."
    if not sent.delivered:
        raise Conflict(f"Not delivered: {came_back} after {answer.milliseconds} ms{response}")
    typer.echo(f"Delivered: {came_back} after {answer.milliseconds} ms{response}")


def _known(store: "AccountStore", subscription_id: str) -> "SubscriptionRow":
    row = store.subscriptions.find(subscription_id)
    if row is None:
        raise NotFound(f"There is no subscription '{subscription_id}': `foretell subscriptions list` shows them.")
    return row


def _fields(**given: Any) -> Any:
    from pydantic import ValidationError

    from shared.webhooks_out.subscription_schemas import SubscriptionFields

    try:
        return SubscriptionFields.model_validate(given)
    except ValidationError as error:
        raise BadRequest(first_mistake(error)) from error


def _object(text: str | None) -> dict[str, Any]:
    import json

    if text is None:
        return {}
    try:
        read = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadRequest("--settings is not JSON.") from error
    if not isinstance(read, dict):
        raise BadRequest("--settings is not a JSON object.")
    return read


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise BadRequest("--header is written as 'Name: value'.")
    return name.strip(), value.strip()
