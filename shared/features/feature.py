"""What a feature is: a declaration that the engine evaluates and a person can read, and how it reads an attribute."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from functools import cache, cached_property
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from shared.contracts.rows import MAX_NUMBER
from shared.errors import ArtifactRefused
from shared.values.instants import DateOrder, read_time
from shared.values.numbers import DecimalMark, absent_mark, read_number
from shared.values.unreadable import Unreadable
from shared.values.words import is_missing, same_value_key

WINDOWS_DAYS = (7, 30, 90, 365, 730)
"""Windows of counts and sums, nested; the last one is the lookback."""

DAY_PARTS = ("night", "morning", "afternoon", "evening")
"""Six local hours each, from midnight on."""

Kind = Literal[
    "count",  # events of a type in a window; type None: of all types
    "days_since_last",  # days from the last event of a type to the cutoff
    "days_since_first",
    "value_sum",  # of the values in a window
    "value_mean",
    "value_max",
    "rate",  # smoothed count of a type per count of another, over the lookback
    "trend",  # log ratio of the last 30 days to the 60 days before, per day, smoothed
    "active_days",  # distinct local days with an event, in a window
    "distinct",  # distinct campaigns or items of a type over the lookback
    "gap_mean",  # mean days between events of a type
    "overdue",  # days since the last event over the mean gap
    "hour_share",  # share of events in a part of the local day
    "weekend_share",
    "last_hour",  # local hour of the last event
    "last_weekday",
    "last_type",  # type of the last event, as a category
    "last_item",  # item of the last event of a type, as a category
    "known_days",  # days since the contact is known
    "numeric",  # an attribute
    "boolean",
    "categorical",
    "date",  # days from a date attribute to the cutoff
]
CATEGORICAL_KINDS = frozenset({"last_type", "last_item", "categorical", "last_weekday"})
ATTRIBUTE_KINDS: tuple[Kind, ...] = ("numeric", "boolean", "categorical", "date")
VALUE_KINDS = frozenset({"value_sum", "value_mean", "value_max"})
VALUE_FIELDS = frozenset({"value", "campaign_id", "item"})
"""What whoever adds values up looks at: events of one instant are ordered, and added, by item and campaign."""
LOCAL_KINDS = frozenset({"active_days", "hour_share", "weekend_share", "last_hour", "last_weekday"})


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of the matrix."""

    name: str
    kind: Kind
    unit: str
    """events, days, amount, ratio, hour, category, or as given."""
    thing: str
    """What it is a variant of; reasons sum the variants of one thing."""
    type: str | None = None
    """Event type; None: every type."""
    other: str | None = None
    """For a rate: the type in the denominator. For distinct: `campaign` or `item`. For hour_share: the part of day."""
    window_days: int | None = None
    attribute: str | None = None
    categories: tuple[str, ...] = ()
    """For a category: the names in code order; a name not listed is `len(categories)`."""
    ignores_case: bool = False
    """For a category of an attribute: whether names that differ only in case and space are one."""
    decimal: DecimalMark | None = None
    """For a number: the mark that begins decimals in this column; None: no value needed one."""
    is_whole: bool = False
    """For a number: whether its column has no decimals, so that a mark before three digits groups thousands."""
    date_order: DateOrder | None = None
    """For a date: the order of day and month in this column; None: no value needed one."""
    prior: float = 0.0
    """For a rate: the population's rate, towards which small counts are drawn."""
    counts_mailings: bool = False
    """For a feature of every type: whether what was sent to the contact is among it."""

    @property
    def part(self) -> Literal["fit", "engagement"]:
        """Return whether it is who the contact is or what the contact does."""
        return "fit" if self.kind in ATTRIBUTE_KINDS else "engagement"

    @property
    def reach_days(self) -> int:
        """Return how far back it looks: its window, or the whole lookback."""
        if self.kind in ATTRIBUTE_KINDS:
            return 0
        return self.window_days or (90 if self.kind == "trend" else WINDOWS_DAYS[-1])

    @property
    def is_categorical(self) -> bool:
        """Return whether its numbers are codes without order."""
        return self.kind in CATEGORICAL_KINDS

    def to_json(self) -> dict[str, Any]:
        """Write as plain values; `from_json` reads them back."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key in self.__slots__
            if (value := getattr(self, key)) not in (None, ())
            and not (key in ("prior", "is_whole", "ignores_case", "counts_mailings") and not value)
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(**{**fields, "categories": tuple(fields.get("categories", ()))})


_TRUE = frozenset({"true", "yes", "y", "t", "1"})
_FALSE = frozenset({"false", "no", "n", "f", "0"})


def window_in_words(days: int | None) -> str:
    """Name a window; None: the whole lookback.

    >>> window_in_words(30), window_in_words(None)
    ('in the last 30 days', 'in the last two years')
    """
    named = {None: "in the last two years", 730: "in the last two years", 365: "in the last year"}
    return named.get(days, f"in the last {days} days")


def parser_of(feature: Feature) -> Callable[[Any], float]:
    """Choose how a stored value of this feature becomes a number."""
    if feature.kind == "categorical":
        place = {name: float(code) for code, name in enumerate(feature.categories)}
        if not feature.ignores_case:
            return lambda value: as_category(value, place)
        # Made for the first value that is spelled otherwise: most requests have none.
        folded = cache(lambda: {same_value_key(name): code for name, code in place.items()})
        return lambda value: as_category(value, place, folded)
    if feature.kind == "numeric":
        return lambda value: as_number(value, feature.decimal, is_whole=feature.is_whole)
    return as_boolean if feature.kind == "boolean" else lambda value: as_days(value, feature.date_order)


def as_number(value: Any, decimal: DecimalMark | None = None, *, is_whole: bool = False) -> float:
    """Read a number as its column wrote them; NaN when it is none, or a text of one that no attribute could be.

    >>> as_number("12.5"), as_number(3), as_number("1,234.50"), as_number("1.234,50", "comma"), as_number("1e300")
    (12.5, 3.0, 1234.5, 1234.5, nan)
    >>> as_number("41,250"), as_number("41,250", is_whole=True), as_number(True)
    (nan, 41250.0, nan)
    """
    if is_missing(value) or isinstance(value, bool):
        return np.nan
    try:
        if isinstance(value, str):
            value = read_number(value, decimal=absent_mark(value) if is_whole else decimal).value
        number = float(value)
    except (TypeError, ValueError, OverflowError):  # what does not read is a ValueError too
        return np.nan
    return number if abs(number) <= MAX_NUMBER else np.nan


def as_boolean(value: Any) -> float:
    """Read yes or no as 1 or 0; NaN when it is neither.

    >>> as_boolean("Yes"), as_boolean(False)
    (1.0, 0.0)
    """
    if isinstance(value, (bool, int, float)):
        return float(value) if value in (0, 1) else np.nan
    text = str(value).strip().lower()
    return 1.0 if text in _TRUE else 0.0 if text in _FALSE else np.nan


def as_days(value: Any, order: DateOrder | None = None) -> float:
    """Read a date or instant as days since 1970-01-01, as its column wrote them; NaN when it is none.

    >>> as_days("1970-01-03"), as_days("04.01.1970", "dmy")
    (2.0, 3.0)
    """
    if not isinstance(value, str) or is_missing(value):
        return np.nan
    try:
        instant = read_time(value, order=order)
    except Unreadable:
        return np.nan
    aware = instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
    return aware.timestamp() / 86_400


def as_text(value: Any) -> str:
    """Name a category."""
    return str(value).strip()


def as_category(value: Any, place: Mapping[str, float], folded: Callable[[], Mapping[str, float]] = dict) -> float:
    """Code a category; one never seen shares the code after the last; NaN when nothing is filled in.

    Args:
        value: as stored or as a request brings it.
        place: code by the spelling that training met most.
        folded: gives the code by `same_value_key` of it; empty where case tells categories apart.

    >>> as_category("PRO", {"Pro": 0.0}, lambda: {"pro": 0.0}), as_category("PRO", {"Pro": 0.0})
    (0.0, 1.0)
    """
    text = as_text(value)
    code = place.get(text)  # first: a model of before may have learned a word that means missing today
    if code is not None:
        return code
    return np.nan if is_missing(value) else folded().get(same_value_key(text), float(len(place)))


Cells = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]


def types_of(features: Iterable[Feature]) -> tuple[str, ...]:
    """List the event types that any of the features looks at, sorted."""
    mentioned: set[str | None] = set()
    for feature in features:
        mentioned.add(feature.type)
        if feature.kind == "rate":
            mentioned.add(feature.other)
        if feature.kind == "last_type":
            mentioned |= set(feature.categories)
    return tuple(sorted(name for name in mentioned if name is not None))


class FeaturePlan:
    """The compiled form of a feature set; made once, used for every matrix."""

    def __init__(self, features: tuple[Feature, ...], whole_orders: tuple[str, ...] = ()) -> None:
        """Sort the columns by kind and prepare (column, type, window) for each."""
        self.whole_orders = whole_orders
        self.types = types_of(features)
        self.n_types = len(self.types) + 1
        """Named types and one code for all the others."""
        self.by_kind: dict[Kind, list[tuple[int, Feature]]] = {}
        for column, feature in enumerate(features):
            self.by_kind.setdefault(feature.kind, []).append((column, feature))
        self.cells: dict[Kind, Cells] = {kind: self._cells(kind) for kind in self.by_kind}
        self.denominators: NDArray[np.intp] = np.array(
            [self.code(feature.other) for _, feature in self.by_kind.get("rate", ())], dtype=np.intp
        )
        self.priors: NDArray[np.float64] = np.array([feature.prior for _, feature in self.by_kind.get("rate", ())])

        self.parts: NDArray[np.intp] = np.array(
            [DAY_PARTS.index(feature.other or "") for _, feature in self.by_kind.get("hour_share", ())], dtype=np.intp
        )

    def __contains__(self, kind: Kind) -> bool:
        """Return whether any column is of this kind."""
        return kind in self.by_kind

    def code(self, name: str | None) -> int:
        """Return a type's place in the engine's cubes; -1, the last place, is the sum over all types."""
        return -1 if name is None else self.types.index(name)

    def codes_of(self, present: tuple[str, ...]) -> NDArray[np.int64]:
        """Map the pasts' type codes to this plan's; types that no feature names share the code after the named."""
        place = {name: position for position, name in enumerate(self.types)}
        return np.array([place.get(name, len(self.types)) for name in present] or [0], dtype=np.int64)

    def _cells(self, kind: Kind) -> Cells:
        listed = self.by_kind[kind]
        return (
            np.array([column for column, _ in listed], dtype=np.intp),
            np.array([self.code(feature.type) for _, feature in listed], dtype=np.intp),
            np.array(
                [WINDOWS_DAYS.index(feature.window_days or WINDOWS_DAYS[-1]) for _, feature in listed], dtype=np.intp
            ),
        )


ENGINE_VERSION = 1
"""Raised when any feature would answer another number than before; artifacts say which one they need."""
JOINS_LINES = 2
"""What a feature set with whole orders says it needs: releases that do not know them would count lines."""


@dataclass(frozen=True)
class FeatureSet:
    """The columns of one model, learned from its training data and saved with it."""

    features: tuple[Feature, ...]
    engine_version: int = ENGINE_VERSION
    whole_orders: tuple[str, ...] = ()
    """Event types of which all of one contact and instant are one, its values added up, for every feature but those of
    kind `distinct` and `last_item`, which see every line; none: each event is one, as in versions of before."""

    def __len__(self) -> int:
        """Count the columns."""
        return len(self.features)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Name the columns, in matrix order."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def types(self) -> tuple[str, ...]:
        """List the event types that any feature looks at; their position is the engine's code."""
        return types_of(self.features)

    @cached_property
    def plan(self) -> FeaturePlan:
        """Sort the columns by kind, once, for the engine."""
        return FeaturePlan(self.features, self.whole_orders)

    @cached_property
    def categorical(self) -> tuple[int, ...]:
        """List the columns whose numbers are codes."""
        return tuple(column for column, feature in enumerate(self.features) if feature.is_categorical)

    @cached_property
    def attribute_columns(self) -> tuple[tuple[int, str, float], ...]:
        """List the columns that look at an attribute: position, attribute, and the code of a name not listed.

        The code is NaN where the attribute is no category.
        """
        return tuple(
            (column, feature.attribute, float(len(feature.categories)) if feature.is_categorical else float("nan"))
            for column, feature in enumerate(self.features)
            if feature.attribute
        )

    @cached_property
    def event_fields(self) -> frozenset[str]:
        """Name what any column looks at of an event beside its type, its time and who made it."""
        found = set[str]()
        for feature in self.features:
            if feature.kind in VALUE_KINDS:
                found |= VALUE_FIELDS
            elif feature.kind == "last_item":
                found.add("item")
            elif feature.kind == "distinct":
                # Of one instant's events, those with the lowest items are the first that a full lookback leaves out.
                found |= {"campaign_id", "item"} if feature.other == "campaign" else {"item"}
        return frozenset(found)

    @cached_property
    def needs_local_time(self) -> bool:
        """Return whether a contact's time zone changes any column."""
        return any(feature.kind in LOCAL_KINDS for feature in self.features)

    def take(self, columns: Sequence[int]) -> "FeatureSet":
        """Keep some columns, in the order given."""
        return replace(self, features=tuple(self.features[column] for column in columns))

    def to_json(self) -> dict[str, Any]:
        """Write as plain values."""
        joined = {"whole_orders": list(self.whole_orders)} if self.whole_orders else {}
        version = JOINS_LINES if joined else self.engine_version
        return {"engine_version": version, "features": [f.to_json() for f in self.features], **joined}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "FeatureSet":
        """Read what `to_json` wrote.

        Raises:
            ArtifactRefused: it was made for another engine.
        """
        whole_orders = tuple(fields.get("whole_orders", ()))
        wanted = JOINS_LINES if whole_orders else ENGINE_VERSION
        if fields["engine_version"] != wanted:
            raise ArtifactRefused(
                f"The model was trained for feature engine {fields['engine_version']}; this release has {wanted}. "
                "Train it again."
            )
        features = tuple(Feature.from_json(feature) for feature in fields["features"])
        return cls(features, whole_orders=whole_orders)
