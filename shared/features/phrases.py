"""A feature and its value as a sentence that a salesperson understands, and that is true of every such contact.

What is not seen is not there "in the last two years", never "so far": no feature looks back further. A rate is an
estimate, since it is drawn towards the average. An attribute stands before a colon, since nobody knows its grammar.
"""

import re
from collections.abc import Callable
from math import isnan

import numpy as np

from shared.features.feature import Feature, Kind, window_in_words
from shared.values.words import VERBS, attribute_name, event_name, event_names, upper

YEARS = (1000, 2200)
_YEAR = re.compile(
    r"\b(years?|yr|birthyear|yearbuilt|founded|founding|built|established|since|born|vintage|jahr|gegruendet)\b",
    re.IGNORECASE,
)
_HOW_LONG = re.compile(r"\b(number|num|count|income|revenue|sales|age|tenure|per|total)\b", re.IGNORECASE)
_LABEL = re.compile(r"\b(id|zip|zipcode|postal|postcode|plz)\b|\b(code|no|nr|number)$", re.IGNORECASE)
_AMOUNT_OF = re.compile(r"\b(number|no|nr) of\b", re.IGNORECASE)
YEAR_DAYS = 365.25
LONG_DAYS = 730
"""Days from which on years are written."""


def number(value: float) -> str:
    """Write a number with as many digits as anybody reads.

    >>> number(1234.5), number(3.04), number(0.126), number(-2500.0), number(0.000031)
    ('1,234', '3', '0.13', '-2,500', '0.000031')
    """
    if abs(value) >= 100 or value.is_integer():
        return f"{value:,.0f}"
    if abs(value) < 1:
        return np.format_float_positional(float(f"{value:.2g}"), trim="-")
    return f"{value:.1f}".removesuffix(".0")


def money(value: float) -> str:
    """Write an amount; whose currency it is, the values in the data say.

    >>> money(12.5), money(0.126), money(80.0), money(1234.5)
    ('12.50', '0.13', '80', '1,234')
    """
    return f"{value:,.0f}" if abs(value) >= 100 or value.is_integer() else f"{value:.2f}"


def days(value: float) -> str:
    """Write a length of time in its natural unit.

    >>> days(0.01), days(0.5), days(1.2), days(400.0), days(1204.0), days(14600.0)
    ('1 hour', '12 hours', '1 day', '400 days', '3.3 years', '40 years')
    """
    hours = round(value * 24)
    if hours < 24:
        return "1 hour" if hours <= 1 else f"{hours} hours"
    if round(value) < LONG_DAYS:
        return "1 day" if round(value) == 1 else f"{value:,.0f} days"
    years = value / YEAR_DAYS
    return f"{years:,.0f} years" if years >= 10 else f"{years:.1f} years".replace(".0 ", " ")


def share(value: float, many: str, when: str) -> str:
    """Say which share of some things has a property; none, all and nearly so in words.

    >>> share(0.384, "orders", "at night"), share(0.002, "orders", "at night"), share(1.0, "orders", "at night")
    ('38% of orders at night', 'Less than 1% of orders at night', 'All orders at night')
    """
    if value == 0:
        return f"No {many} {when}"
    if value == 1:
        return f"All {many} {when}"
    if value < 0.005:
        return f"Less than 1% of {many} {when}"
    return f"More than 99% of {many} {when}" if value >= 0.995 else f"{value:.0%} of {many} {when}"


def given_number(name: str, value: float) -> str:
    """Write the number of an attribute: a year, and a number that only names something, without marks in it.

    >>> given_number("Founded", 1998.0), given_number("Zip code", 10115.0), given_number("Lead number", 656729.0)
    ('1998', '10115', '656729')
    >>> given_number("Employees", 1998.0), given_number("Number of employees", 1998.0)
    ('1,998', '1,998')
    """
    if value.is_integer() and (_is_year(name, value) or (_LABEL.search(name) and not _AMOUNT_OF.search(name))):
        return f"{value:.0f}"
    return number(value)


def _is_year(name: str, value: float) -> bool:
    return YEARS[0] <= value <= YEARS[1] and bool(_YEAR.search(name) and not _HOW_LONG.search(name))


EVEN_TREND = 0.1
"""Log ratio up to which it is phrased as "as many"."""
EVER = window_in_words(None)
MANY_GAPS = 10
"""Usual gaps from which nobody counts them."""
JUST_DUE = (0.9, 1.1)
"""Times the usual gap that are called just passed."""


def phrase(feature: Feature, value: float) -> str:
    """Say what the contact did or is.

    Args:
        feature: the column.
        value: its number for this contact; NaN where there is nothing to say.

    Returns:
        One sentence without a full stop.

    >>> phrase(Feature("c", "count", "events", "a", "email_clicked", window_days=30), 4.0)
    'Clicked 4 emails in the last 30 days'
    """
    return _PHRASES[feature.kind](feature, value)


def readable_value(feature: Feature, value: float) -> float | str | bool | None:
    """Turn a matrix number into what the client sent or would understand: a category's name, yes or no."""
    if isnan(value):
        return None
    if feature.is_categorical:
        return _category(feature, value) or "other"
    if feature.kind == "boolean":
        return bool(value)
    return round(float(value), 4)


def _category(feature: Feature, value: float) -> str | None:
    """Name a category; None: one that few had, or none in training."""
    code = int(value)
    return feature.categories[code] if code < len(feature.categories) else None


def _one(feature: Feature) -> str:
    return "activity or mailing" if feature.counts_mailings else event_name(feature.type)


def _many(feature: Feature) -> str:
    return "activities and mailings" if feature.counts_mailings else event_names(feature.type)


def _count(feature: Feature, value: float) -> str:
    when = window_in_words(feature.window_days)
    if value == 0:
        return f"No {_one(feature)} {when}"
    if feature.type is None:
        return f"{number(value)} {_one(feature) if value == 1 else _many(feature)} {when}"
    if feature.type in VERBS:
        verb, one, many = VERBS[feature.type]
        return f"{verb} {number(value)} {one if value == 1 else many} {when}"
    times = "once" if value == 1 else f"{number(value)} times"
    return f"{upper(_one(feature))} {times} {when}"


def _last(feature: Feature, value: float) -> str:
    return f"No {_one(feature)} {EVER}" if isnan(value) else f"Last {_one(feature)} {days(value)} ago"


def _first(feature: Feature, value: float) -> str:
    # There may be earlier ones, which no feature sees.
    if isnan(value):
        return f"No {_one(feature)} {EVER}"
    return f"First {_one(feature)} {EVER} was {days(value)} ago"


def _value(feature: Feature, value: float) -> str:
    what = _one(feature)
    if isnan(value) or (value == 0 and feature.kind == "value_sum"):
        return f"No {what} with a value {window_in_words(feature.window_days)}"
    if feature.kind == "value_mean":
        return f"Average value {money(value)} per {what}"
    if feature.kind == "value_max":
        return f"Highest value of one {what}: {money(value)}"
    return f"{upper(_many(feature))} worth {money(value)} {window_in_words(feature.window_days)}"


def _rate(feature: Feature, value: float) -> str:
    if isnan(value):
        return f"No {event_name(feature.other)} {EVER}"
    return f"Estimated {number(round(value * 100, 1))} {_many(feature)} per 100 {event_names(feature.other)}"


def _trend(feature: Feature, value: float) -> str:
    # Zero as before is no rise either: "as many as before" would make people look for them.
    if abs(value) <= EVEN_TREND:
        return f"No rise or fall in {_many(feature)} in the last 30 days"
    return f"{'More' if value > 0 else 'Fewer'} {_many(feature)} in the last 30 days than before"


def _active_days(feature: Feature, value: float) -> str:
    if value == 0:
        return f"No {_one(feature)} {window_in_words(feature.window_days)}"
    on = "1 day" if value == 1 else f"{number(value)} days"
    return f"{upper(_many(feature))} on {on} {window_in_words(feature.window_days)}"


def _distinct(feature: Feature, value: float) -> str:
    thing = feature.other or "item"
    things = f"no {thing}" if value == 0 else f"1 {thing}" if value == 1 else f"{number(value)} different {thing}s"
    return f"{upper(_many(feature))}: {things} {EVER}"


def _gap(feature: Feature, value: float) -> str:
    if isnan(value):
        return f"Fewer than two {_many(feature)} {EVER}"
    return f"One {_one(feature)} every {days(value).removeprefix('1 ')} on average"


def _overdue(feature: Feature, value: float) -> str:
    if isnan(value):
        return f"Fewer than two {_many(feature)} {EVER}, so no usual gap"
    between = f"the usual gap between {_many(feature)}"
    if JUST_DUE[0] <= value <= JUST_DUE[1]:
        return f"{upper(between)} has just passed"
    if value > MANY_GAPS:
        return f"More than {MANY_GAPS} times {between} has passed"
    if value > 1:
        return f"{number(round(value, 1))} times {between} has passed"
    # The gap counts as a day at least.
    return (
        share(value, f"{between} (a day at least)", "has passed") if value > 0 else f"{upper(between)} has only begun"
    )


def _hour_share(feature: Feature, value: float) -> str:
    return _part(feature, value, f"{'at' if feature.other == 'night' else 'in the'} {feature.other}")


def _weekend(feature: Feature, value: float) -> str:
    return _part(feature, value, "at weekends")


def _part(feature: Feature, value: float, when: str) -> str:
    if isnan(value):
        return f"No {_one(feature)} {EVER}"
    if value == 0:
        return f"No {_one(feature)} {when}"
    many = _one(feature) if feature.type is None and not feature.counts_mailings else _many(feature)
    return share(value, many, when)


def _last_time(feature: Feature, value: float) -> str:
    if isnan(value):
        return f"No {_one(feature)} {EVER}"
    if feature.kind == "last_hour":
        return f"Last {_one(feature)} between {int(value)}:00 and {int(value) + 1}:00"
    return f"Last {_one(feature)} on a {readable_value(feature, value)}"


def _last_category(feature: Feature, value: float) -> str:
    if isnan(value):
        return f"No {_one(feature)} {EVER}"
    named = _category(feature, value)
    if feature.kind == "last_type":
        return f"Latest on record: {event_name(named) if named else 'something rare'}"
    return f"Latest {_one(feature)}: {named or 'a rarer item'}"


def _known(_: Feature, value: float) -> str:
    return "Nothing says since when they are known" if isnan(value) else f"Known for {days(value)}"


def _attribute(feature: Feature, value: float) -> str:
    name = attribute_name(feature.attribute or feature.name)
    if isnan(value):
        return f"{name}: not filled in"
    if feature.kind == "boolean":
        return f"{name}: {'yes' if value else 'no'}"
    if feature.kind == "date":
        return f"{name}: {_date(value)}"
    if feature.kind == "categorical":
        return f"{name}: {_category(feature, value) or 'a rare one'}"
    return f"{name}: {given_number(name, value)}"


def _date(value: float) -> str:
    if abs(value) < 1:
        return "about today"
    return f"{days(value)} ago" if value > 0 else f"in {days(-value)}"


_PHRASES: dict[Kind, Callable[[Feature, float], str]] = {
    "count": _count,
    "days_since_last": _last,
    "days_since_first": _first,
    "value_sum": _value,
    "value_mean": _value,
    "value_max": _value,
    "rate": _rate,
    "trend": _trend,
    "active_days": _active_days,
    "distinct": _distinct,
    "gap_mean": _gap,
    "overdue": _overdue,
    "hour_share": _hour_share,
    "weekend_share": _weekend,
    "last_hour": _last_time,
    "last_weekday": _last_time,
    "last_type": _last_category,
    "last_item": _last_category,
    "known_days": _known,
    "numeric": _attribute,
    "boolean": _attribute,
    "categorical": _attribute,
    "date": _attribute,
}
