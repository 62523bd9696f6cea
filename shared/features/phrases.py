"""A feature and its value as a sentence that a salesperson understands."""

import re
from collections.abc import Callable

import numpy as np

from shared.features.feature import Feature, Kind

_VERBS: dict[str, tuple[str, str, str]] = {
    "email_sent": ("Was sent", "email", "emails"),
    "email_delivered": ("Received", "email", "emails"),
    "email_opened": ("Opened", "email", "emails"),
    "email_opened_unverified": ("Opened (perhaps by a machine)", "email", "emails"),
    "email_clicked": ("Clicked", "email", "emails"),
    "email_replied": ("Replied to", "email", "emails"),
    "email_bounced": ("Bounced", "email", "emails"),
    "email_unsubscribed": ("Unsubscribed from", "list", "lists"),
    "email_complained": ("Complained about", "email", "emails"),
    "page_viewed": ("Viewed", "page", "pages"),
    "form_submitted": ("Submitted", "form", "forms"),
    "content_downloaded": ("Downloaded", "document", "documents"),
    "webinar_registered": ("Registered for", "webinar", "webinars"),
    "webinar_attended": ("Attended", "webinar", "webinars"),
    "meeting_booked": ("Booked", "meeting", "meetings"),
    "trial_started": ("Started", "trial", "trials"),
    "product_used": ("Used the product", "time", "times"),
    "order_placed": ("Placed", "order", "orders"),
    "order_refunded": ("Returned", "order", "orders"),
    "subscription_started": ("Started", "subscription", "subscriptions"),
    "subscription_renewed": ("Renewed", "subscription", "subscriptions"),
    "subscription_cancelled": ("Cancelled", "subscription", "subscriptions"),
    "support_ticket_opened": ("Opened", "support ticket", "support tickets"),
    "opportunity_created": ("Became", "opportunity", "opportunities"),
    "deal_won": ("Won", "deal", "deals"),
    "deal_lost": ("Lost", "deal", "deals"),
    "coupon_redeemed": ("Redeemed", "coupon", "coupons"),
    "campaign_mailed": ("Was mailed", "campaign", "campaigns"),
}
_EVENT_NAMES = {
    "email_sent": "email to them",
    "email_delivered": "delivered email",
    "email_opened": "email open",
    "email_opened_unverified": "email open (perhaps by a machine)",
    "email_clicked": "email click",
    "page_viewed": "page view",
    "form_submitted": "form",
    "content_downloaded": "download",
    "product_used": "use of the product",
    "order_placed": "order",
    "order_refunded": "return",
    "coupon_redeemed": "coupon redemption",
    "campaign_mailed": "mailing",
}
_BREAK = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\s_.\-/]+")
_YEAR = re.compile(
    r"\b(years?|yr|birthyear|yearbuilt|founded|founding|built|established|since|born|vintage|jahr|gegruendet)\b",
    re.IGNORECASE,
)
_HOW_LONG = re.compile(r"\b(number|num|count|income|revenue|sales|age|tenure|per|total)\b", re.IGNORECASE)
EVEN_TREND = 0.1
"""Log ratio up to which as many is said."""
YEARS = (1000, 2200)
RUN_TOGETHER = 13
"""Letters from which one word in small letters is more likely several, unless it ends as long words do."""
_LONG_WORD = re.compile(r"(tion|ment|ity|ness|ship|ions|ments|ities)$")
SHORT_FORM = 5
"""Capital letters up to which a word is a short form such as ID or VIP."""
_EVENTS_NAMES = {"email_sent": "emails to them", "product_used": "uses of the product"}
"""Plurals that are not made by an s at the end."""


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
        code = int(value)
        return feature.categories[code] if code < len(feature.categories) else "other"
    if feature.kind == "boolean":
        return bool(value)
    return round(float(value), 4)


def event_name(name: str | None) -> str:
    """Name one event of a type in a sentence.

    >>> event_name("demo_watched")
    '"demo watched"'
    """
    if name is None:
        return "activity"
    return _EVENT_NAMES.get(name, '"' + name.replace("_", " ").strip() + '"')


def event_names(name: str | None) -> str:
    """Name several events of a type in a sentence.

    >>> event_names("page_viewed"), event_names("demo_watched")
    ('page views', '"demo watched" events')
    """
    if name is None:
        return "activities"
    if name not in _EVENT_NAMES:
        return f"{event_name(name)} events"
    one, bracket, rest = _EVENT_NAMES[name].partition(" (")
    return _EVENTS_NAMES.get(name, f"{one}s{bracket}{rest}")


def _upper(words: str) -> str:
    return words[0].upper() + words[1:]


def _number(value: float) -> str:
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2g}" if abs(value) < 1 else f"{value:.1f}"


def _days(value: float) -> str:
    if value < 1:
        hours = max(1, round(value * 24))
        return "1 hour" if hours == 1 else f"{hours} hours"
    return "1 day" if round(value) == 1 else f"{value:,.0f} days"


def _span(days: int | None) -> str:
    named = {None: "in the last two years", 730: "in the last two years", 365: "in the last year"}
    return named.get(days, f"in the last {days} days")


def _count(feature: Feature, value: float) -> str:
    span = _span(feature.window_days)
    if feature.type is None and value:
        return f"{_number(value)} activities {span}" if value != 1 else f"1 activity {span}"
    if value == 0:
        return f"No {event_name(feature.type)} {span}"
    if feature.type in _VERBS:
        verb, one, many = _VERBS[feature.type]
        return f"{verb} {_number(value)} {one if value == 1 else many} {span}"
    times = "once" if value == 1 else f"{_number(value)} times"
    return f"{event_name(feature.type).capitalize()} {times} {span}"


def _since(feature: Feature, value: float) -> str:
    which = "Last" if feature.kind == "days_since_last" else "First"
    if np.isnan(value):
        return f"No {event_name(feature.type)} so far"
    return f"{which} {event_name(feature.type)} {_days(value)} ago"


def _value(feature: Feature, value: float) -> str:
    what = event_name(feature.type)
    if np.isnan(value) or (value == 0 and feature.kind == "value_sum"):
        return f"No {what} with a value {_span(feature.window_days)}"
    if feature.kind == "value_mean":
        return f"Average value {_number(value)} per {what}"
    if feature.kind == "value_max":
        return f"Highest value {_number(value)} of one {what}"
    return f"{_upper(event_names(feature.type))} worth {_number(value)} {_span(feature.window_days)}"


def _rate(feature: Feature, value: float) -> str:
    if np.isnan(value):
        return f"No {event_name(feature.other)} so far"
    return f"About {_number(round(value * 100, 1))} {event_names(feature.type)} per 100 {event_names(feature.other)}"


def _trend(feature: Feature, value: float) -> str:
    what = event_names(feature.type)
    if abs(value) <= EVEN_TREND:
        return f"As many {what} in the last 30 days as before"
    return f"{'More' if value > 0 else 'Fewer'} {what} in the last 30 days than before"


def _active_days(feature: Feature, value: float) -> str:
    if value == 0:
        return f"No {event_name(feature.type)} {_span(feature.window_days)}"
    days = "1 day" if value == 1 else f"{_number(value)} days"
    return f"{_upper(event_names(feature.type))} on {days} {_span(feature.window_days)}"


def _distinct(feature: Feature, value: float) -> str:
    thing = feature.other or "item"
    things = f"1 {thing}" if value == 1 else f"{_number(value)} different {thing}s"
    return f"{_upper(event_names(feature.type))}: {things} {_span(None)}"


def _gap(feature: Feature, value: float) -> str:
    if np.isnan(value):
        return f"Fewer than two {event_names(feature.type)} so far"
    return f"One {event_name(feature.type)} every {_days(value)} on average"


def _overdue(feature: Feature, value: float) -> str:
    if np.isnan(value):
        return f"No rhythm of {event_names(feature.type)} yet"
    return f"Time since the last {event_name(feature.type)} is {_number(round(value, 1))} times the usual gap"


def attribute_name(name: str) -> str:
    """Write an attribute's name as words where its breaks can be known; a name run together stays as it is, quoted.

    >>> attribute_name("AmtSpentOnShoes"), attribute_name("amt_spent_on_shoes"), attribute_name("VIP customer")
    ('Amt spent on shoes', 'Amt spent on shoes', 'VIP customer')
    >>> attribute_name("amtspentshoes"), attribute_name("plan"), attribute_name("customerID")
    ('"amtspentshoes"', 'Plan', 'Customer ID')
    """
    words = [word for word in _BREAK.split(name) if word]
    if not words:
        return f'"{name}"'
    if len(words) == 1 and words[0].islower() and len(words[0]) >= RUN_TOGETHER and not _LONG_WORD.search(words[0]):
        return f'"{name}"'
    told = " ".join(word if _is_short_form(word) else word.lower() for word in words)
    return _upper(told)


def _is_short_form(word: str) -> bool:
    return word.isupper() and 1 < len(word) <= SHORT_FORM


def _hour_share(feature: Feature, value: float) -> str:
    return _share(value, f"{'at' if feature.other == 'night' else 'in the'} {feature.other}")


def _weekend(_: Feature, value: float) -> str:
    return _share(value, "at weekends")


def _share(value: float, when: str) -> str:
    if np.isnan(value):
        return "No activity so far"
    if value == 0:
        return f"No activity {when}"
    return f"All activity {when}" if value == 1 else f"{value:.0%} of activity {when}"


def _last_time(feature: Feature, value: float) -> str:
    if np.isnan(value):
        return "No activity so far"
    if feature.kind == "last_hour":
        return f"Last activity between {int(value)}:00 and {int(value) + 1}:00"
    return f"Last activity on a {readable_value(feature, value)}"


def _last_category(feature: Feature, value: float) -> str:
    if np.isnan(value):
        return f"No {event_name(feature.type)} so far"
    named = str(readable_value(feature, value))
    if feature.kind == "last_type":
        return f"Latest activity: {event_name(named)}"
    return f"Latest {event_name(feature.type)}: {named}"


def _known(_: Feature, value: float) -> str:
    return "Not known since when" if np.isnan(value) else f"Known for {_days(value)}"


def _attribute(feature: Feature, value: float) -> str:
    name = attribute_name(feature.attribute or feature.name)
    if np.isnan(value):
        return f"{name} is not filled in"
    if feature.kind == "boolean":
        return f"{name}: {'yes' if value else 'no'}"
    if feature.kind == "date":
        return f"{name} was {_days(value)} ago" if value >= 0 else f"{name} is in {_days(-value)}"
    shown = readable_value(feature, value)
    if not isinstance(shown, float):
        return f"{name} is {shown}"
    return f"{name} is {value:.0f}" if _is_year(name, value) else f"{name} is {_number(value)}"


def _is_year(name: str, value: float) -> bool:
    """Whether a number is a year of the calendar: whole, of four digits, under a name that says so."""
    return (
        value.is_integer() and YEARS[0] <= value <= YEARS[1] and bool(_YEAR.search(name) and not _HOW_LONG.search(name))
    )


_PHRASES: dict[Kind, Callable[[Feature, float], str]] = {
    "count": _count,
    "days_since_last": _since,
    "days_since_first": _since,
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
