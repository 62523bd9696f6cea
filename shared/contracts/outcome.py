"""What is predicted: an event within a horizon, or an attribute; at which moments; and the name of the model."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Annotated, Any, NamedTuple, Protocol, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from shared.capabilities import OutcomeCapabilityName
from shared.contracts.rows import MAX_NAME_CHARACTERS, MAX_TEXT_CHARACTERS, no_control, readable
from shared.values.words import is_missing, read_truth, same_name_key, same_value_key

OutcomeName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,63}$")]
EventType = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
AttributeName = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_NAME_CHARACTERS, strict=True), AfterValidator(no_control)
]
AttributeText = Annotated[str, StringConstraints(max_length=MAX_TEXT_CHARACTERS), AfterValidator(readable)]
"""A value of an attribute, as text."""


class ModelName(NamedTuple):
    """Which model of an account is meant.

    >>> ModelName("scoring", "customer").text, ModelName("segmentation").text
    ('scoring.customer', 'segmentation')
    """

    capability: str
    outcome: str = ""
    """Empty where the capability has none."""

    @property
    def text(self) -> str:
        """Return the name as paths and lists have it."""
        return f"{self.capability}.{self.outcome}" if self.outcome else self.capability


class Moment(BaseModel):
    """A moment of asking: so long after each event of a type."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event_type: Annotated[EventType, Field(description="After an event of this type.")]
    after_seconds: Annotated[int, Field(description="How long after it.", ge=0, le=365 * 86_400)]


Lifts = tuple[
    Annotated[float, Field(gt=0, le=1_000)],
    Annotated[float, Field(gt=0, le=1_000)],
    Annotated[float, Field(gt=0, le=1_000)],
]
CANCELLED, STARTED = "subscription_cancelled", ("subscription_started", "subscription_renewed")
CANCELLATION_DAYS, SILENCE_DAYS = 60, 90
HORIZON_DAYS, ACTIVE_WITHIN_DAYS = 90, 180
"""Where none is given."""
LONGEST_ACTIVE_WITHIN_DAYS = 3_650
"""How long a contact may have been silent and still be predicted; features look back two years all the same."""
EARNING = frozenset({"messages", "uplift"})
"""Capabilities that may ask for what events are worth, beside whether one came."""
MAX_ANSWERED = 1_000
"""Attributes that may be allowed or forbidden for one outcome."""
BAND_LIFTS: Lifts = (1.0, 2.0, 4.0)
"""From how many times the average odds on a risk is medium, high and very high."""


class Dated(Protocol):
    """A value of an attribute, and since when it holds."""

    @property
    def name(self) -> str:
        """Of the attribute."""

    @property
    def valid_from(self) -> int:
        """Microseconds."""

    @property
    def value(self) -> Any:
        """Text, number, true, false or None."""


_value_key = lru_cache(1_024)(same_value_key)
"""The values of an attribute that says who reached an outcome are few, and asked for again and again."""


class Flag(NamedTuple):
    """The attribute that says whether an outcome was reached."""

    attribute: str
    positive: str | None
    """Which value counts; None: a yes does."""

    def reached(self, value: Any) -> bool | None:
        """Whether a value says so; None where it says nothing.

        Texts that differ in case and space alone are one value, as they are in a model.

        >>> Flag("converted", None).reached("Yes"), [Flag("stage", "won").reached(one) for one in ("Won ", "lost", "")]
        (True, [True, False, None])
        >>> Flag("plan", "2").reached(2.0), Flag("active", "true").reached(True)
        (True, True)
        """
        if is_missing(value):
            return None
        if self.positive is not None:
            return _value_key(written(value)) == _value_key(self.positive)
        if isinstance(value, (bool, int, float)):
            return bool(value) if value in (0, 1) else None
        return read_truth(str(value))

    def holds(self, values: Iterable[Dated]) -> bool:
        """Whether the newest of a contact's values of this attribute says that the outcome was reached."""
        mine = [value for value in values if value.name == self.attribute]
        newest = max(mine, key=lambda value: value.valid_from, default=None)
        return newest is not None and self.reached(newest.value) is True


class Outcome(BaseModel):
    """A named outcome as the account defined it.

    One of: `event_types` (reached by the first of them within `horizon_days`; a fallback list is tried in
    order: the first type that the account has at all), `silence` (churn: none of these types comes for
    `horizon_days`), or `attribute` (flat data: the value of a column). A churn outcome that says none of them is
    chosen from the account's events when it is trained.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: OutcomeName
    capability: OutcomeCapabilityName
    event_types: Annotated[tuple[EventType, ...], Field(max_length=10)] = ()
    silence: Annotated[tuple[EventType, ...], Field(max_length=10)] = ()
    horizon_days: Annotated[int, Field(ge=1, le=365)] = HORIZON_DAYS
    repeatable: bool = False
    first_only: bool = True
    """For a type that people repeat (order_placed): only the first counts unless `repeatable`."""
    at: Annotated[tuple[Moment, ...], Field(max_length=10)] = ()
    every_days: Annotated[int | None, Field(ge=1, le=365)] = None
    active_within_days: Annotated[int | None, Field(ge=1, le=LONGEST_ACTIVE_WITHIN_DAYS)] = ACTIVE_WITHIN_DAYS
    """Asked about contacts active so lately; None: about all at risk (cancellations, unless stated otherwise)."""
    attribute: AttributeName | None = None
    positive: AttributeText | None = None
    sums_value: bool = False
    """Messages and uplift: what is earned is the sum of the events' values; else whoever reaches it counts 1."""
    band_lifts: Lifts = BAND_LIFTS
    """Churn: from how many times the average odds on a risk is medium, high, very high."""
    allowed: Annotated[tuple[AttributeName, ...], Field(max_length=MAX_ANSWERED)] = ()
    """Attributes that are confirmed as known before the outcome: every training uses them."""
    forbidden: Annotated[tuple[AttributeName, ...], Field(max_length=MAX_ANSWERED)] = ()
    """Attributes that are confirmed as not: no training uses them, or asks about them."""

    @model_validator(mode="before")
    @classmethod
    def _of_a_cancellation(cls, given: Any) -> Any:
        """A subscriber is at risk however quiet, and leaves sooner than a shop's customer falls silent."""
        if isinstance(given, dict) and given.get("capability") == "churn" and given.get("event_types"):
            return {"active_within_days": None, "horizon_days": CANCELLATION_DAYS, **given}
        return given

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        sources = [bool(self.event_types), bool(self.silence), bool(self.attribute)]
        if self.capability != "churn" and (self.silence or sum(sources) != 1):
            raise ValueError("give either event_types or attribute")
        if self.capability == "messages" and not self.event_types:
            raise ValueError("give event_types: a message earns by what happens after it")
        if self.capability == "churn" and sum(sources) > 1:
            raise ValueError("give one of event_types, silence and attribute")
        if self.is_automatic and (self.horizon_days, self.active_within_days) != (HORIZON_DAYS, ACTIVE_WITHIN_DAYS):
            raise ValueError("say what churn is before its horizon_days or active_within_days")
        if self.capability == "churn" and (self.at or self.repeatable):
            raise ValueError("churn is asked about on a grid and once: leave at and repeatable out")
        if self.sums_value and (self.capability not in EARNING or not self.event_types):
            raise ValueError("sums_value is for messages and uplift, with event_types")
        if self.at and self.every_days:
            raise ValueError("give either at (moments) or every_days (a grid)")
        if list(self.band_lifts) != sorted(set(self.band_lifts)):
            raise ValueError("give band_lifts in rising order")
        if both := sorted({*self.allowed} & {*self.forbidden}):
            raise ValueError(f"either allow or forbid {both[0]}")
        return self

    @property
    def flag(self) -> Flag | None:
        """Return the attribute after which nobody is predicted any more; None: an event, or it is reached again."""
        return None if self.attribute is None or self.repeatable else Flag(self.attribute, self.positive)

    @property
    def unanswered(self) -> "Outcome":
        """Return the definition without what was answered about attributes."""
        return self.model_copy(update={"allowed": (), "forbidden": ()})

    def answered(self, *, allowed: Iterable[str] = (), forbidden: Iterable[str] = ()) -> "Outcome":
        """Return the definition with further answers about attributes; the latest about an attribute counts.

        >>> outcome = Outcome(name="won", capability="scoring", attribute="won", allowed=("tags",))
        >>> outcome.answered(forbidden=["tags", "stage"]).forbidden
        ('stage', 'tags')
        """
        yes, no = {*allowed} - {*forbidden}, {*forbidden}
        fields = self.model_dump() | {
            "allowed": tuple(sorted({*self.allowed} - no | yes)),
            "forbidden": tuple(sorted({*self.forbidden} - yes | no)),
        }
        return Outcome.model_validate(fields)

    @property
    def is_automatic(self) -> bool:
        """Return whether what it means is chosen from the account's events."""
        return not (self.event_types or self.silence or self.attribute)


NOT_ACTIVITY = frozenset(
    {
        "email_sent",
        "email_delivered",
        "email_bounced",
        "email_opened_unverified",
        "email_unsubscribed",
        "email_complained",
        "campaign_mailed",
        "treatment_assigned",
        "order_refunded",
        "deal_lost",
        CANCELLED,
    }
)
"""Types that are no sign of a contact staying: made by us or by machines, or a farewell."""

BUILT_IN: tuple[Outcome, ...] = (
    Outcome(name="opportunity", capability="scoring", event_types=("opportunity_created",)),
    Outcome(name="customer", capability="scoring", event_types=("deal_won", "order_placed")),
    Outcome(name="churn", capability="churn"),
    Outcome(name="clicked", capability="messages", event_types=("email_clicked",), horizon_days=7, repeatable=True),
)
"""Valid in every account until redefined."""
DEFAULTS: Mapping[str, str] = {"churn": "churn", "messages": "clicked"}
"""The outcome of a capability that is meant where neither the request nor the account names one."""


def chosen(outcome: Outcome, counts: Mapping[str, tuple[int, int]]) -> Outcome:
    """Choose what an automatic churn outcome means for an account; any other is returned as it is.

    A cancellation within 60 days if such events exist, else 90 days of silence of the most frequent human activity
    with a value, else of the most frequent one at all.

    Args:
        outcome: as defined.
        counts: by event type, how many events there are and how many of them carry a value.
    """
    if not outcome.is_automatic:
        return outcome
    kept = outcome.model_dump(exclude={"event_types", "silence", "horizon_days", "active_within_days"})
    if CANCELLED in counts:
        return Outcome(**kept, event_types=(CANCELLED,))
    activity = {name: count for name, count in counts.items() if name not in NOT_ACTIVITY}
    valued = {name: count for name, count in activity.items() if count[1]} or activity
    most = max(sorted(valued), key=lambda name: valued[name][0], default=None)
    return outcome if most is None else Outcome(**kept, silence=(most,), horizon_days=SILENCE_DAYS)


MOST_NEAR = 3
MOST_VALUES = 20
"""An attribute with more values than that is no choice between some."""


def written(value: Any) -> str:
    """Write a value as a person does.

    >>> written(2.0), written(2.5), written(True), written(" Pro ")
    ('2', '2.5', 'true', 'Pro')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def nobody_has_value(outcome: Outcome, values: Iterable[Any]) -> str:
    """Say that no contact has the value of an attribute that counts as reached, with others; empty where one has.

    Args:
        outcome: as defined; one of events says nothing.
        values: that contacts have.

    >>> stage = Outcome(name="a", capability="scoring", attribute="Stage", positive="costumer")
    >>> nobody_has_value(stage, ["Lead", "Lead", "Customer"])
    "In 'Stage', no contact has the value 'costumer'; near: 'Customer'."
    """
    if outcome.attribute is None:
        return ""
    flag, counts = Flag(outcome.attribute, outcome.positive), Counter[str]()
    for value in values:
        if flag.reached(value):
            return ""
        if not is_missing(value):
            counts[written(value)] += 1
    if not counts:
        return ""
    named = "yes, true or 1" if outcome.positive is None else f"'{outcome.positive}'"
    found = f"In '{outcome.attribute}', no contact has the value {named}"
    if len(counts) > MOST_VALUES:  # no category: what people wrote is not repeated
        return f"{found}."
    by_key = {same_value_key(text): text for text in sorted(counts)}
    near = [by_key[key] for key in get_close_matches(same_value_key(outcome.positive or ""), by_key, n=MOST_NEAR)]
    shown, what = (near, "near") if near else ([text for text, _ in counts.most_common(MOST_NEAR)], "most have")
    return f"{found}; {what}: {', '.join(map(repr, shown))}."


def mistyped(outcome: Outcome, *, attributes: Collection[str], types: Collection[str]) -> str:
    """Say that no contact has what an outcome names, with near names; empty where some do.

    Args:
        outcome: as defined.
        attributes: that contacts have.
        types: of the events that contacts have.

    >>> mistyped(Outcome(name="a", capability="scoring", attribute="Convertd"), attributes=["Converted"], types=[])
    "No contact has an attribute 'Convertd'; near: 'Converted'."
    """
    wanted: tuple[str, ...]
    if outcome.attribute:
        what, wanted, known = "an attribute", (outcome.attribute,), attributes
    else:
        what, wanted, known = "an event of type", outcome.event_types or outcome.silence, types
    moments = [one.event_type for one in outcome.at]
    found = [no_contact_has(what, wanted, known)]
    found += [no_contact_has("an event of type", (name,), types) for name in moments]
    return " ".join(dict.fromkeys(one for one in found if one))


def no_contact_has(what: str, wanted: Collection[str], known: Collection[str]) -> str:
    """Say that none of the names is known, with near ones; empty where one is.

    >>> no_contact_has("an attribute", ["Pakt"], ["Paket", "Rabatt"])
    "No contact has an attribute 'Pakt'; near: 'Paket'."
    """
    if not wanted or set(wanted) & set(known):
        return ""
    by_key = {same_name_key(name): name for name in sorted(known)}
    near = dict.fromkeys(
        by_key[key] for name in wanted for key in get_close_matches(same_name_key(name), by_key, n=MOST_NEAR)
    )
    named = " or ".join(f"'{name}'" for name in wanted)
    if near:
        return f"No contact has {what} {named}; near: {', '.join(map(repr, [*near][:MOST_NEAR]))}."
    return f"No contact has {what} {named}, nor one with a similar name."


def known_outcomes(capability: str, names: Collection[str]) -> str:
    """Return the sentence that lists the outcomes that may be named, or says how to define the first one.

    >>> known_outcomes("scoring", ["customer", "opportunity"])
    'Known: customer, opportunity.'
    >>> known_outcomes("uplift", [])
    'None of uplift is defined yet: `foretell outcomes set NAME --capability uplift` defines one.'
    """
    if names:
        return f"Known: {', '.join(sorted(names))}."
    return f"None of {capability} is defined yet: `foretell outcomes set NAME --capability {capability}` defines one."
