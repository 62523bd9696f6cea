"""`foretell outcomes`: what is predicted, as the account defines it."""

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from foretell.cli.options import (
    DEFAULT_ACCOUNT,
    AccountOption,
    CapabilityOption,
    JsonOption,
    YesOption,
    examples,
    moment,
    whole_days,
)
from shared.contracts.rows import now_us
from shared.errors import BadRequest, Conflict, NotFound

if TYPE_CHECKING:
    from shared.contracts.outcome import Outcome
    from shared.store import AccountStore

app = typer.Typer(no_args_is_help=True, help="Say what is to be predicted.", epilog=examples("foretell outcomes list"))
NameArgument = Annotated[str, typer.Argument(help="1 to 63 of a-z, 0-9 and _.")]


@app.command(
    "set",
    epilog=examples(
        "foretell outcomes set redeem --event coupon_redeemed --within 30d --repeatable",
        "foretell outcomes set activated --event a_activated --within 30d --at a_submitted+1h --at a_submitted+2d",
        "foretell outcomes set converted --attribute Converted --positive 1",
        "foretell outcomes set left --capability churn --event subscription_cancelled --within 60d",
        "foretell outcomes set lapsed --capability churn --silence order_placed --for 90d",
        "foretell outcomes set converted --allow Tags --forbid 'Lead Quality'",
    ),
)
def set_outcome(
    name: NameArgument,
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    capability: CapabilityOption = "scoring",
    event: Annotated[
        list[str] | None,
        typer.Option(
            help="Reached by this event. Repeated: the first type that the account has at all.", metavar="TYPE"
        ),
    ] = None,
    within: Annotated[
        str | None, typer.Option(help="Horizon in whole days. Default 90d; churn 60d.", metavar="DURATION")
    ] = None,
    silence: Annotated[
        str | None,
        typer.Option(help="Churn: none of these types comes; separated by commas.", metavar="TYPE[,TYPE]"),
    ] = None,
    silent_for: Annotated[
        str | None, typer.Option("--for", help="How long it is silent. Default 90d.", metavar="DURATION")
    ] = None,
    repeatable: Annotated[bool, typer.Option("--repeatable", help="Can be reached again, like an order.")] = False,
    sum_value: Annotated[
        bool,
        typer.Option("--sum-value", help="Messages, uplift: add the events' values up instead of counting contacts."),
    ] = False,
    at: Annotated[
        list[str] | None,
        typer.Option(help="Ask so long after each event of a type; may be repeated.", metavar="TYPE+1h"),
    ] = None,
    every: Annotated[
        str | None, typer.Option(help="Or ask on a grid. Default: a third of the horizon.", metavar="DURATION")
    ] = None,
    active_within: Annotated[
        str | None,
        typer.Option(
            "--active-within",
            "--eligible-active-within",
            help="Ask about contacts active so lately, up to 3650d. Default 180d; for a cancellation all.",
            metavar="DURATION",
        ),
    ] = None,
    bands: Annotated[
        str | None,
        typer.Option(
            help="Churn: times the average odds from which a risk is medium, high, very high.", metavar="1,2,4"
        ),
    ] = None,
    attribute: Annotated[
        str | None,
        typer.Option(help="Flat data: the attribute that holds the outcome; never a feature.", metavar="NAME"),
    ] = None,
    positive: Annotated[
        str | None, typer.Option(help="The attribute's value that means yes. Default: 1, true or yes.", metavar="VALUE")
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(help="An attribute that is known before the outcome; repeat for several.", metavar="NAME"),
    ] = None,
    forbid: Annotated[
        list[str] | None,
        typer.Option(help="An attribute that no training uses or asks about; repeat for several.", metavar="NAME"),
    ] = None,
    ask_again: Annotated[
        bool, typer.Option("--ask-again", help="Forget which attributes were allowed or forbidden.")
    ] = False,
    default: Annotated[bool, typer.Option("--default", help="Answer with it when a request names none.")] = False,
) -> None:
    """Define an outcome, or define it anew; alone, --allow, --forbid and --ask-again change nothing else of it."""
    from foretell.cli.context import capability_name, opened_account
    from shared.contracts.outcome import LONGEST_ACTIVE_WITHIN_DAYS, Outcome

    silent = tuple(_listed(silence or ""))
    answers = _AttributeRules(tuple(allow or ()), tuple(forbid or ()), ask_again)
    options = (within, silent_for, at, every, active_within, bands, positive)
    if answers.given and not (event or silent or attribute or repeatable or sum_value or any(options)):
        _answer(account, capability, name, answers, default=default)
        return
    _refuse_sources(capability, event=event, silence=silent, attribute=attribute)
    _refuse_lengths(silence=silent, within=within, silent_for=silent_for)
    if bands and capability != "churn":
        raise BadRequest("--bands is for --capability churn.")
    length = silent_for if silent else within
    given: dict[str, Any] = {
        "event_types": tuple(event) if event else None,
        "silence": silent or None,
        "horizon_days": None if length is None else whole_days(length),
        "band_lifts": None if bands is None else _lifts(bands),
        "at": tuple(moment(text) for text in at) if at else None,
        "every_days": None if every is None else whole_days(every),
        "active_within_days": None
        if active_within is None
        else whole_days(active_within, most=LONGEST_ACTIVE_WITHIN_DAYS),
        "attribute": attribute,
        "positive": positive,
        "sums_value": sum_value or None,
    }
    _refuse_event_options(given, attribute=attribute, repeatable=repeatable)
    outcome = Outcome(
        name=name,
        capability=capability_name(capability),
        repeatable=repeatable,
        **{field: value for field, value in given.items() if value is not None},
    )
    with opened_account(account) as (_, _, store):
        outcome = answers.kept_by(outcome, store.outcomes.find(capability, name))
        store.outcomes.put(outcome)
        unknown = _unknown(store, outcome)
        becomes_default = default or store.outcomes.default(capability, chosen=True) is None
        if becomes_default:
            store.outcomes.set_default(capability, name)
    _echo_definition(outcome, unknown, is_default=becomes_default)


class _AttributeRules(NamedTuple):
    """What is stated about attributes."""

    allowed: tuple[str, ...]
    forbidden: tuple[str, ...]
    ask_again: bool

    @property
    def given(self) -> bool:
        """Whether anything is."""
        return any(self)

    def kept_by(self, outcome: "Outcome", before: "Outcome | None") -> "Outcome":
        """Add them to an outcome, and what was answered before unless that is open again."""
        if before is not None and not self.ask_again:
            outcome = outcome.answered(allowed=before.allowed, forbidden=before.forbidden)
        return outcome.answered(allowed=self.allowed, forbidden=self.forbidden)


def _answer(account: str, capability: str, name: str, answers: _AttributeRules, *, default: bool) -> None:
    """Change what is stated about attributes, and nothing else of an outcome."""
    from foretell.cli.context import capability_name, opened_account

    with opened_account(account) as (_, _, store):
        before = _known(store.outcomes.find(capability_name(capability), name), name, account)
        outcome = answers.kept_by(before.unanswered, before)
        store.outcomes.put(outcome)
        unknown = _unknown(store, outcome)
        if default:
            store.outcomes.set_default(capability, name)
    _echo_definition(outcome, unknown, is_default=default)


def _echo_definition(outcome: "Outcome", unknown: str, *, is_default: bool) -> None:
    from foretell.cli.output import answers_of

    answers = answers_of(outcome)
    rules = f" In every training: {answers}." if answers else ""
    default = " It is the default outcome." if is_default else ""
    typer.echo(f"{outcome.name}: {described(outcome)}.{rules}{default}")
    if unknown:
        typer.echo(f"{unknown} Define it anew if the name is mistyped.", err=True)


def _unknown(store: "AccountStore", outcome: "Outcome") -> str:
    """Say that no contact has what an outcome names, where the account has anything of the kind at all."""
    from shared.contracts.outcome import mistyped, no_contact_has
    from shared.values.words import spelled_as

    names = store.contacts.attribute_names() if outcome.attribute or outcome.allowed or outcome.forbidden else []
    types = [] if outcome.attribute else [one.type for one in store.events.types()]
    found = [mistyped(outcome, attributes=names, types=types) if (names if outcome.attribute else types) else ""]
    if names:
        ruled = spelled_as(names, (*outcome.allowed, *outcome.forbidden))
        found += [no_contact_has("an attribute", (name,), names) for name in sorted(ruled)]
    return " ".join(filter(None, found))


def _refuse_sources(
    capability: str, *, event: list[str] | None, silence: tuple[str, ...], attribute: str | None
) -> None:
    sources = [bool(event), bool(silence), bool(attribute)]
    if capability == "churn" and sum(sources) != 1:
        raise BadRequest("Give one of --event TYPE, --silence TYPE and --attribute NAME.")
    if capability != "churn" and (silence or sum(sources) != 1):
        raise BadRequest("Give either --event TYPE or --attribute NAME; --silence is for --capability churn.")


def _refuse_lengths(*, silence: tuple[str, ...], within: str | None, silent_for: str | None) -> None:
    if silent_for and not silence:
        raise BadRequest("--for is for --silence; say --within for --event.")
    if within and silence:
        raise BadRequest("--within is for --event; say --for for --silence.")


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _lifts(text: str) -> tuple[float, ...]:
    try:
        low, middle, high = (float(part) for part in _listed(text))
    except ValueError as error:
        raise BadRequest(f"'{text}' are no bands; write three rising numbers such as 1,2,4.") from error
    return low, middle, high


def _refuse_event_options(given: dict[str, Any], *, attribute: str | None, repeatable: bool) -> None:
    used = [f"--{field.replace('_', '-')}" for field in ("at", "every_days", "active_within_days") if given[field]]
    used += [("--for" if given["silence"] else "--within")] if given["horizon_days"] else []
    used += ["--repeatable"] if repeatable else []
    used += ["--sum-value"] if given["sums_value"] else []
    if attribute and used:
        raise BadRequest(f"{used[0].removesuffix('-days')} is for --event; an attribute has no time.")
    if given["positive"] and not attribute:
        raise BadRequest("--positive is for --attribute.")


def described(outcome: "Outcome") -> str:
    """Say in a few words what an outcome means and when it is predicted."""
    if outcome.attribute:
        return f"attribute {outcome.attribute}" + (f" is {outcome.positive}" if outcome.positive else " is true")
    if outcome.is_automatic:
        return "chosen when trained: a cancellation within 60 days, else 90 days without the usual activity"
    if outcome.silence:
        active = f", asked about contacts active within {outcome.active_within_days} days"
        return f"no {' or '.join(outcome.silence)} for {outcome.horizon_days} days{active}"
    days = "1 day" if outcome.horizon_days == 1 else f"{outcome.horizon_days} days"
    words = [" or ".join(outcome.event_types), f"within {days}"]
    if outcome.repeatable:
        words.append("repeatable")
    if outcome.sums_value:
        words.append("their values added up")
    words += [f"asked {one.after_seconds / 3_600:g} h after {one.event_type}" for one in outcome.at]
    if outcome.every_days:
        words.append(f"asked every {outcome.every_days} days")
    return ", ".join(words)


@app.command("list", epilog=examples("foretell outcomes list --account demo"))
def list_outcomes(
    *, account: AccountOption = DEFAULT_ACCOUNT, capability: CapabilityOption = "scoring", json: JsonOption = False
) -> None:
    """List the outcomes, built-in ones included."""
    from foretell.cli.context import capability_name, opened_account
    from foretell.cli.output import show_rows

    with opened_account(account) as (_, _, store):
        default = store.outcomes.default(capability_name(capability))
        rows = []
        for outcome in store.outcomes.of(capability):
            champion = store.models.champion(capability, outcome.name)
            rows.append(
                {
                    "outcome": outcome.name,
                    "meaning": described(outcome),
                    "allowed": list(outcome.allowed),
                    "forbidden": list(outcome.forbidden),
                    "default": "yes" if outcome.name == default else "",
                    "champion": champion.version if champion else None,
                }
            )
    show_rows(rows, as_json=json, empty="There are no outcomes.")


@app.command(epilog=examples("foretell outcomes preview redeem --account demo"))
def preview(
    name: NameArgument,
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    capability: CapabilityOption = "scoring",
    json: JsonOption = False,
) -> None:
    """Count the contacts with and without an outcome; training needs at least 40 of each. Exit 3 below that."""
    from foretell.cli.context import capability_name, opened_account
    from foretell.cli.outcome_preview import MINIMUM, counted
    from foretell.cli.output import show_rows

    with opened_account(account) as (_, _, store):
        outcome = _known(store.outcomes.find(capability_name(capability), name), name, account)
        counts = counted(store, outcome, now=now_us())
    show_rows(
        [
            {
                "outcome": name,
                "contacts_with": counts.contacts_with,
                "contacts_without": counts.contacts_without,
                "minimum": MINIMUM,
            }
        ],
        as_json=json,
        empty="",
    )
    if counts.refusal is not None:
        raise counts.refusal


def _known(outcome: "Outcome | None", name: str, account: str) -> "Outcome":
    if outcome is None:
        raise NotFound(f"The account {account} has no outcome '{name}': `foretell outcomes list` shows them.")
    return outcome


@app.command(epilog=examples("foretell outcomes delete redeem --yes"))
def delete(
    name: NameArgument,
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    capability: CapabilityOption = "scoring",
    yes: YesOption = False,
) -> None:
    """Delete a definition; a built-in one of that name counts again."""
    from foretell.cli.context import capability_name, opened_account

    with opened_account(account) as (_, _, store):
        _known(store.outcomes.find(capability_name(capability), name), name, account)
        if not yes:
            raise Conflict(f"Requests that name '{name}' will be refused; add --yes to delete it.")
        if not store.outcomes.delete(capability, name):
            raise NotFound(f"'{name}' is built in and not redefined; there is nothing to delete.")
    typer.echo(f"Deleted the outcome {name}.")
