"""What a feature is: a declaration that the engine evaluates and a person can read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from shared.values.instants import DateOrder
from shared.values.numbers import DecimalMark

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
        """Tell whether it is who the contact is or what the contact does."""
        return "fit" if self.kind in ATTRIBUTE_KINDS else "engagement"

    @property
    def reach_days(self) -> int:
        """Tell how far back it looks: its window, or the whole lookback."""
        if self.kind in ATTRIBUTE_KINDS:
            return 0
        return self.window_days or (90 if self.kind == "trend" else WINDOWS_DAYS[-1])

    @property
    def is_categorical(self) -> bool:
        """Tell whether its numbers are codes without order."""
        return self.kind in CATEGORICAL_KINDS

    def to_json(self) -> dict[str, Any]:
        """Write as plain values; `from_json` reads them back."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key in self.__slots__
            if (value := getattr(self, key)) not in (None, ())
            and not (key in ("prior", "is_whole", "counts_mailings") and not value)
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(**{**fields, "categories": tuple(fields.get("categories", ()))})
