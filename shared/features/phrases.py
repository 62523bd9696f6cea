"""A feature and its value as a sentence that a salesperson understands, and that is true of every such contact.

What is not seen is not there "in the last two years", never "so far": no feature looks back further. A rate is an
estimate, since it is drawn towards the average. An attribute stands before a colon, since nobody knows its grammar.
"""

from collections.abc import Callable

import numpy as np

from shared.features.feature import Feature, Kind
from shared.features.names_in_words import VERBS, attribute_name, event_name, event_names, upper
from shared.features.quantities import days, given_number, money, number, share, span

EVEN_TREND = 0.1
"""Log ratio up to which as many is said."""
EVER = span(None)
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
    if np.isnan(value):
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
    when = span(feature.window_days)
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
    return f"No {_one(feature)} {EVER}" if np.isnan(value) else f"Last {_one(feature)} {days(value)} ago"


def _first(feature: Feature, value: float) -> str:
    # There may be earlier ones, which no feature sees.
    if np.isnan(value):
        return f"No {_one(feature)} {EVER}"
    return f"First {_one(feature)} {EVER} was {days(value)} ago"


def _value(feature: Feature, value: float) -> str:
    what = _one(feature)
    if np.isnan(value) or (value == 0 and feature.kind == "value_sum"):
        return f"No {what} with a value {span(feature.window_days)}"
    if feature.kind == "value_mean":
        return f"Average value {money(value)} per {what}"
    if feature.kind == "value_max":
        return f"Highest value of one {what}: {money(value)}"
    return f"{upper(_many(feature))} worth {money(value)} {span(feature.window_days)}"


def _rate(feature: Feature, value: float) -> str:
    if np.isnan(value):
        return f"No {event_name(feature.other)} {EVER}"
    return f"Estimated {number(round(value * 100, 1))} {_many(feature)} per 100 {event_names(feature.other)}"


def _trend(feature: Feature, value: float) -> str:
    # Zero as before is no rise either: "as many as before" would make people look for them.
    if abs(value) <= EVEN_TREND:
        return f"No rise or fall in {_many(feature)} in the last 30 days"
    return f"{'More' if value > 0 else 'Fewer'} {_many(feature)} in the last 30 days than before"


def _active_days(feature: Feature, value: float) -> str:
    if value == 0:
        return f"No {_one(feature)} {span(feature.window_days)}"
    on = "1 day" if value == 1 else f"{number(value)} days"
    return f"{upper(_many(feature))} on {on} {span(feature.window_days)}"


def _distinct(feature: Feature, value: float) -> str:
    thing = feature.other or "item"
    things = f"no {thing}" if value == 0 else f"1 {thing}" if value == 1 else f"{number(value)} different {thing}s"
    return f"{upper(_many(feature))}: {things} {EVER}"


def _gap(feature: Feature, value: float) -> str:
    if np.isnan(value):
        return f"Fewer than two {_many(feature)} {EVER}"
    return f"One {_one(feature)} every {days(value).removeprefix('1 ')} on average"


def _overdue(feature: Feature, value: float) -> str:
    if np.isnan(value):
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
    if np.isnan(value):
        return f"No {_one(feature)} {EVER}"
    if value == 0:
        return f"No {_one(feature)} {when}"
    many = _one(feature) if feature.type is None and not feature.counts_mailings else _many(feature)
    return share(value, many, when)


def _last_time(feature: Feature, value: float) -> str:
    if np.isnan(value):
        return f"No {_one(feature)} {EVER}"
    if feature.kind == "last_hour":
        return f"Last {_one(feature)} between {int(value)}:00 and {int(value) + 1}:00"
    return f"Last {_one(feature)} on a {readable_value(feature, value)}"


def _last_category(feature: Feature, value: float) -> str:
    if np.isnan(value):
        return f"No {_one(feature)} {EVER}"
    named = _category(feature, value)
    if feature.kind == "last_type":
        return f"Latest on record: {event_name(named) if named else 'something rare'}"
    return f"Latest {_one(feature)}: {named or 'a rarer item'}"


def _known(_: Feature, value: float) -> str:
    return "Nothing says since when they are known" if np.isnan(value) else f"Known for {days(value)}"


def _attribute(feature: Feature, value: float) -> str:
    name = attribute_name(feature.attribute or feature.name)
    if np.isnan(value):
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
