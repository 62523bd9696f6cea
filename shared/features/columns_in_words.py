"""What a column is about, in words and without a value: for reports, which know columns by name alone."""

import re

from shared.features.names_in_words import attribute_name, event_names, is_known_type, upper
from shared.features.quantities import span

_EVERY = "any_event"
_PATTERNS: tuple[tuple[str, str], ...] = (
    (r"_value_(\d+)d", "value of {many} {when}"),
    (r"_active_days_(\d+)d", "days with {many} {when}"),
    (r"_(\d+)d", "{many} {when}"),
    (r"_days_since_last", "time since the last of the {many}"),
    (r"_days_since_first", "time since the first of the {many}"),
    (r"_gap_days", "usual gap between {many}"),
    (r"_overdue", "how far beyond the usual gap between {many}"),
    (r"_trend", "rise or fall in {many}"),
    (r"_value_mean", "average value of {many}"),
    (r"_value_max", "highest value of {many}"),
    (r"_campaigns", "different campaigns of {many}"),
    (r"_items", "different items of {many}"),
    (r"_last_item", "latest item of {many}"),
)
_WHOLE = {
    "days_known": "how long they are known",
    "weekend_share": "share of activity at weekends",
    "last_hour": "hour of the last activity",
    "last_weekday": "weekday of the last activity",
    "last_type": "kind of the last activity",
    **{f"{part}_share": f"share of activity in the {part}" for part in ("morning", "afternoon", "evening")},
    "night_share": "share of activity at night",
}


def column_in_words(name: str) -> str:
    """Say what a column is about; an attribute by its own name.

    >>> column_in_words("order_placed_value_90d"), column_in_words("any_event_gap_days")
    ('value of orders in the last 90 days', 'usual gap between activities')
    >>> column_in_words("email_clicked_per_email_sent"), column_in_words("annual_revenue")
    ('email clicks per 100 emails to them', 'Annual revenue')
    """
    if name in _WHOLE:
        return _WHOLE[name]
    for pattern, words in _PATTERNS:
        found = re.fullmatch(f"(.+){pattern}", name)
        if found and (found[1] == _EVERY or is_known_type(found[1])):
            many = event_names(None if found[1] == _EVERY else found[1])
            return words.format(many=many, when=span(int(found[2])) if "when" in words else "")
    answer, per, sent = name.partition("_per_")
    if per and is_known_type(answer) and is_known_type(sent):
        return f"{event_names(answer)} per 100 {event_names(sent)}"
    return upper(attribute_name(name))
