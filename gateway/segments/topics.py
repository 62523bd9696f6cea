"""What a feature of segments is about, in words: one topic for the windows of one thing."""

import re
from typing import Final

from shared.values.words import attribute_name, event_name, event_names

_WINDOW: Final = re.compile(r"^(.+)_\d+d$")
_PARTS: Final = {"weekend_share": "At weekends", "morning_share": "In the morning", "evening_share": "In the evening"}
_ENDINGS: Final = (
    ("_days_since_last", "Days since the last {one}"),
    ("_value_mean", "Value per {one}"),
    ("_value", "Value of {many}"),
    ("_items", "Different items in {many}"),
)


def topic(feature: str) -> str:
    """Say what a feature is about.

    >>> topic("order_placed_90d"), topic("order_placed_365d"), topic("order_placed_days_since_last")
    ('Number of orders', 'Number of orders', 'Days since the last order')
    >>> topic("order_placed_value_90d"), topic("email_clicked_per_email_sent"), topic("weekend_share"), topic("plan")
    ('Value of orders', 'Email clicks per email to them', 'At weekends', 'Plan')
    """
    if feature in _PARTS:
        return _PARTS[feature]
    windowed = _WINDOW.match(feature)
    name = feature if windowed is None else windowed[1]
    for ending, words in _ENDINGS:
        if name.endswith(ending):
            of = _type(name.removesuffix(ending))
            return words.format(one=event_name(of), many=event_names(of))
    answer, per, sent = name.partition("_per_")
    if per:
        many = event_names(answer)
        return f"{many[:1].upper()}{many[1:]} per {event_name(sent)}"
    return attribute_name(name) if windowed is None else f"Number of {event_names(_type(name))}"


def _type(name: str) -> str | None:
    return None if name == "any_event" else name
