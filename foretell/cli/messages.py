"""`foretell messages`: what may be sent, to whom and how often; and decisions that another tool made."""

import json as json_text
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foretell.cli.data import (
    DEFAULT_MAX_REJECTED,
    CheckOption,
    ConstantsOption,
    DateOrderOption,
    DecimalOption,
    DelimiterOption,
    EncodingOption,
    MaxErrorsOption,
    MaxRejectedOption,
    RenamesOption,
    SheetOption,
    TimezoneOption,
    import_options,
    load_files,
)
from foretell.cli.failures import first_mistake
from foretell.cli.message_report import REPORT_EXAMPLES, report
from foretell.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption, examples
from shared.contracts.rows import now_us
from shared.errors import BadRequest, NotFound

if TYPE_CHECKING:
    from shared.contracts.message_variant import Eligibility, MessageVariant
    from shared.store import StoredMessage

app = typer.Typer(
    no_args_is_help=True,
    help="Say which messages may be sent, to whom and how often.",
    epilog=examples(
        'foretell messages set subject-b --name "Free delivery" --attribute topic=delivery', "foretell messages list"
    ),
)
app.command("report", epilog=REPORT_EXAMPLES)(report)
IdArgument = Annotated[str, typer.Argument(help="Your own id of the message.", metavar="ID", show_default=False)]


@app.command(
    "set",
    epilog=examples(
        'foretell messages set subject-a --name "New this week" --attribute topic=news --attribute channel=email',
        "foretell messages set subject-b --eligible-attribute country=DE,AT --cap-per-week 2 --cooldown-hours 48",
        "foretell messages set offer --band scoring:order=high,very_high --until 2026-09-01",
        "foretell messages set offer --inactive",
    ),
)
def set_message(
    message_id: IdArgument,
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    name: Annotated[str | None, typer.Option(help="What people call it.", metavar="TEXT")] = None,
    attributes: Annotated[
        list[str] | None,
        typer.Option("--attribute", help="What it is about; NAME= takes it away. Repeatable.", metavar="NAME=VALUE"),
    ] = None,
    begins: Annotated[datetime | None, typer.Option("--from", help="Chosen from then on (UTC).")] = None,
    until: Annotated[datetime | None, typer.Option(help="Not chosen from then on (UTC).")] = None,
    always: Annotated[bool, typer.Option("--always", help="Take --from and --until away.")] = False,
    wanted: Annotated[
        list[str] | None,
        typer.Option(
            "--eligible-attribute",
            help="For contacts whose attribute has one of these values; NAME= takes it away. Repeatable.",
            metavar="NAME=VALUE,...",
        ),
    ] = None,
    segments: Annotated[
        list[str] | None,
        typer.Option("--segment", help="For contacts of one of these segments, by id. Repeatable.", metavar="ID"),
    ] = None,
    bands: Annotated[
        list[str] | None,
        typer.Option(
            "--band",
            help="For contacts whose latest prediction has one of these bands; CAPABILITY= takes it away. Repeatable.",
            metavar="CAPABILITY[:OUTCOME]=BAND,...",
        ),
    ] = None,
    everybody: Annotated[
        bool, typer.Option("--everybody", help="For all contacts, but for what this command says besides.")
    ] = False,
    cap_per_week: Annotated[
        int | None,
        typer.Option(min=0, help="How often at most one contact gets it within 7 days; 0: no limit.", metavar="N"),
    ] = None,
    cooldown_hours: Annotated[
        float | None,
        typer.Option(min=0, help="How long a contact that got it does not get it again; 0: no pause.", metavar="HOURS"),
    ] = None,
    active: Annotated[bool | None, typer.Option("--active/--inactive", help="Whether it may be chosen at all.")] = None,
) -> None:
    """Make a message, or change what is named of one that is there; running services follow at once."""
    from foretell.cli.context import opened_account
    from foretell.cli.message_changes import changed_attributes, changed_eligibility
    from foretell.cli.output import print_note
    from shared.contracts.message_variant import MessageVariant
    from shared.store import MessageChange

    with opened_account(account) as (_, _, store), store.transaction(alone=True) as together:
        messages = together.experiments.messages
        stored = messages.find(message_id)
        before = MessageVariant(id=message_id) if stored is None else stored.message
        given = {
            "name": name,
            "attributes": changed_attributes(before.attributes, attributes or ()) if attributes else None,
            "from": _utc(begins),
            "until": _utc(until),
            "eligible": changed_eligibility(before.eligible, wanted, segments, bands, everybody=everybody),
            "cap_per_week": cap_per_week,
            "cooldown_hours": cooldown_hours,
            "active": active,
        }
        fields = {field: value for field, value in given.items() if value is not None}
        emptied = {field: None for field in ("cap_per_week", "cooldown_hours") if fields.get(field) == 0}
        ended = dict.fromkeys(("from", "until"), None) if always else {}
        change = MessageChange(message_id, _checked({**ended, **fields, **emptied}))
        for rule in change.fields["eligible"].bands if "eligible" in change.fields else ():
            if rule.outcome is not None:
                together.outcomes.require(rule.capability, rule.outcome)
        (word,) = messages.put([change], at=now_us())
        empty = [one for one in segments or () if not together.segments.members(one, limit=1, at=now_us())]
    if word == "refused":
        raise BadRequest("It would end before it begins: give an --until that is later than --from.")
    print_note(f"The message {message_id} was {word}." if word != "unchanged" else "Nothing of it is new.")
    for segment in empty:
        print_note(f"Nobody is in the segment {segment} now: until somebody is, nobody can get it.")


@app.command("list", epilog=examples("foretell messages list", "foretell messages list --state running --json"))
def list_messages(
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    state: Annotated[
        str | None, typer.Option(help="Only those that are running, not_yet, over or switched_off.", metavar="STATE")
    ] = None,
    json: JsonOption = False,
) -> None:
    """List messages by id, with their state, whom they are for, and their limits."""
    from foretell.cli.context import opened_account
    from foretell.cli.output import print_note, show_rows
    from shared.contracts.message_variant import MessageState

    if state is not None and state not in set(MessageState):
        raise BadRequest(f"--state: give one of {', '.join(MessageState)}.")
    at = datetime.now(UTC)
    with opened_account(account) as (_, _, store):
        found = store.experiments.messages.all()
    shown = [one for one in found if state is None or one.state_at(at) == state]
    rows = [_document(one, at) if json else _row(one, at) for one in shown]
    empty = "No message was found." if found else "There is no message yet; `foretell messages set ID` makes one."
    show_rows(rows, as_json=json, empty=empty)
    running = sum(one.runs_at(at) for one in found)
    print_note(f"The catalogue has {len(found):,} messages, of which {running:,} may be chosen now.")


@app.command("show", epilog=examples("foretell messages show subject-b"))
def show(message_id: IdArgument, *, account: AccountOption = DEFAULT_ACCOUNT, json: JsonOption = False) -> None:
    """Show all that is said of a message."""
    from foretell.cli.context import opened_account
    from foretell.cli.output import instant, show_json, show_rows

    with opened_account(account) as (_, _, store):
        stored = _known(store.experiments.messages.find(message_id), message_id)
    document = {**_document(stored.message, datetime.now(UTC)), "updated_at": instant(stored.updated_at)}
    if json:
        show_json([document])
        return
    facts = {
        **document,
        "eligible": _whom_for(stored.message.eligible),
        "attributes": _pairs(stored.message.attributes),
    }
    show_rows([{"field": field, "value": value} for field, value in facts.items()], as_json=False, empty="")


@app.command("remove", epilog=examples("foretell messages remove subject-b"))
def remove(
    ids: Annotated[list[str], typer.Argument(help="Your own ids of messages.", metavar="ID...", show_default=False)],
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
) -> None:
    """Take messages out of the catalogue; what was decided stays, and still counts in reports."""
    from foretell.cli.context import opened_account
    from foretell.cli.output import print_note

    with opened_account(account) as (_, _, store):
        gone = store.experiments.messages.delete(ids, at=now_us())
    print_note(f"{gone:,} of {len(ids):,} messages were removed.")


@app.command(
    "import",
    epilog=examples(
        "foretell messages import --check sends.csv",
        'foretell messages import sends.csv --map "pscore=propensity" --set number_of_candidates=3',
        "foretell messages import log.parquet --timezone Europe/Berlin",
    ),
)
def import_decisions(
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV, JSON or NDJSON (all also .gz), .xlsx or Parquet; a row is a decision that another tool made.",
            metavar="FILE",
            show_default=False,
        ),
    ],
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    check: CheckOption = False,
    renames: RenamesOption = None,
    constants: ConstantsOption = None,
    timezone: TimezoneOption = None,
    date_order: DateOrderOption = None,
    decimal: DecimalOption = None,
    encoding: EncodingOption = None,
    delimiter: DelimiterOption = None,
    sheet: SheetOption = None,
    max_errors: MaxErrorsOption = None,
    max_rejected: MaxRejectedOption = DEFAULT_MAX_REJECTED,
    json: JsonOption = False,
) -> None:
    """Load decisions of another tool: contact_id, message, propensity, candidates, decided_at, reward.

    `candidates` names all that could have been chosen, with | between them; `number_of_candidates` counts them where
    they have no names. The same file again changes nothing, a bad row goes to a file of rejects.
    """
    options = import_options(
        renames, constants, timezone=timezone, date_order=date_order, decimal=decimal, encoding=encoding,
        delimiter=delimiter, sheet=sheet,
    )  # fmt: skip
    load_files(
        account,
        [(file, "decisions")],
        options,
        check=check,
        max_errors=max_errors,
        max_rejected=max_rejected,
        as_json=json,
    )


def _checked(fields: dict[str, Any]) -> "Any":
    from pydantic import ValidationError

    from shared.contracts.message_variant import MessageVariantFields

    try:
        return MessageVariantFields.model_validate(fields).given()
    except ValidationError as error:
        raise BadRequest(first_mistake(error)) from error


def _known(stored: "StoredMessage | None", message_id: str) -> "StoredMessage":
    if stored is None:
        raise NotFound(f"There is no message {message_id}; `foretell messages list` lists them.")
    return stored


def _utc(instant: datetime | None) -> datetime | None:
    return instant.replace(tzinfo=UTC) if instant is not None and instant.tzinfo is None else instant


def _document(message: "MessageVariant", at: datetime) -> dict[str, Any]:
    fields: dict[str, Any] = json_text.loads(message.model_dump_json(by_alias=True))
    return {"id": fields.pop("id"), "state": str(message.state_at(at)), **fields}


def _row(message: "MessageVariant", at: datetime) -> dict[str, Any]:
    """Lay a message out in one line."""
    return {
        "id": message.id,
        "name": message.name,
        "state": str(message.state_at(at)).replace("_", " "),
        "for": _whom_for(message.eligible),
        "a week": message.cap_per_week,
        "pause": None if message.cooldown_hours is None else f"{message.cooldown_hours:g} h",
        "attributes": _pairs(message.attributes),
    }


def _pairs(attributes: Any) -> list[str]:
    return [f"{name}={value}" for name, value in sorted(attributes.items())]


def _whom_for(eligible: "Eligibility") -> str:
    """Say whom a message is for."""
    rules = [f"{name} is {_either(values)}" for name, values in sorted(eligible.attributes.items())]
    rules += [f"segment is {_either(eligible.segments)}"] if eligible.segments else []
    for rule in eligible.bands:
        question = rule.capability if rule.outcome is None else f"{rule.capability} {rule.outcome}"
        rules.append(f"{question} is {_either(band.replace('_', ' ') for band in rule.bands)}")
    return ", and ".join(rules) or "everybody"


def _either(values: Any) -> str:
    texts = [
        str(one).lower() if isinstance(one, bool) else f"{one:g}" if isinstance(one, float) else str(one)
        for one in values
    ]
    return " or ".join(texts)
