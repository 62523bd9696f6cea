"""Event types, attributes and columns in words: what is done, by whom, and what a column is about."""

import re

from shared.features.feature import window_in_words

SENT = frozenset({"email_sent", "email_delivered", "email_bounced", "campaign_mailed", "email_opened_unverified"})
"""What is done to contacts, or by machines: never a sign of how they behave."""
UNWELCOME = frozenset(
    {"email_unsubscribed", "email_complained", "order_refunded", "subscription_cancelled", "deal_lost"}
)
"""What contacts do that nobody hopes for."""
VERBS: dict[str, tuple[str, str, str]] = {
    "email_sent": ("Was sent", "email", "emails"),
    "email_delivered": ("Received", "email", "emails"),
    "email_opened": ("Opened", "email", "emails"),
    "email_opened_unverified": ("Opened (perhaps by a machine)", "email", "emails"),
    "email_clicked": ("Clicked", "email", "emails"),
    "email_replied": ("Replied to", "email", "emails"),
    "email_bounced": ("Had", "bounced email", "bounced emails"),
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
    "opportunity_created": ("Had", "new opportunity", "new opportunities"),
    "deal_won": ("Had", "won deal", "won deals"),
    "deal_lost": ("Had", "lost deal", "lost deals"),
    "coupon_redeemed": ("Redeemed", "coupon", "coupons"),
    "campaign_mailed": ("Was mailed", "campaign", "campaigns"),
}
_NAMES: dict[str, tuple[str, str]] = {
    "email_sent": ("email to them", "emails to them"),
    "email_delivered": ("delivered email", "delivered emails"),
    "email_opened": ("email open", "email opens"),
    "email_opened_unverified": ("email open (perhaps by a machine)", "email opens (perhaps by a machine)"),
    "email_clicked": ("email click", "email clicks"),
    "email_replied": ("email reply", "email replies"),
    "email_bounced": ("bounced email", "bounced emails"),
    "email_unsubscribed": ("unsubscription", "unsubscriptions"),
    "email_complained": ("spam complaint", "spam complaints"),
    "page_viewed": ("page view", "page views"),
    "form_submitted": ("form", "forms"),
    "content_downloaded": ("download", "downloads"),
    "webinar_registered": ("webinar registration", "webinar registrations"),
    "webinar_attended": ("webinar attended", "webinars attended"),
    "meeting_booked": ("booked meeting", "booked meetings"),
    "trial_started": ("started trial", "started trials"),
    "product_used": ("use of the product", "uses of the product"),
    "order_placed": ("order", "orders"),
    "order_refunded": ("return", "returns"),
    "subscription_started": ("started subscription", "started subscriptions"),
    "subscription_renewed": ("renewal", "renewals"),
    "subscription_cancelled": ("cancellation", "cancellations"),
    "support_ticket_opened": ("support ticket", "support tickets"),
    "opportunity_created": ("new opportunity", "new opportunities"),
    "deal_won": ("won deal", "won deals"),
    "deal_lost": ("lost deal", "lost deals"),
    "coupon_redeemed": ("coupon redemption", "coupon redemptions"),
    "campaign_mailed": ("mailing", "mailings"),
}
_BREAK = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\s_.\-/]+")
_GLUED = re.compile(r"[_.\-/]|[a-z0-9][A-Z]")
RUN_TOGETHER = 13
"""Letters from which one word in small letters is more likely several, unless it ends as long words do."""
_LONG_WORD = re.compile(r"(tion|ment|ity|ness|ship|ions|ments|ities)$")
SHORT_FORM = 5
"""Capital letters up to which a word is a short form such as ID or VIP."""


def event_name(name: str | None) -> str:
    """Name one event of a type in a sentence.

    >>> event_name("order_refunded"), event_name("demo_watched")
    ('return', '"demo watched"')
    """
    if name is None:
        return "activity"
    return _NAMES[name][0] if name in _NAMES else '"' + name.replace("_", " ").strip() + '"'


def event_names(name: str | None) -> str:
    """Name several events of a type in a sentence.

    >>> event_names("page_viewed"), event_names("demo_watched")
    ('page views', '"demo watched" events')
    """
    if name is None:
        return "activities"
    return _NAMES[name][1] if name in _NAMES else f"{event_name(name)} events"


def is_known_type(name: str) -> bool:
    """Whether a type of event is one that has words here."""
    return name in _NAMES


def upper(words: str) -> str:
    """Begin with a capital letter and leave the rest."""
    return words[:1].upper() + words[1:]


def attribute_name(name: str) -> str:
    """Write an attribute's name as words where its breaks can be known; a name run together stays as it is, quoted.

    A heading that somebody wrote as words already keeps its spelling.

    >>> attribute_name("AmtSpentOnShoes"), attribute_name("amt_spent_on_shoes"), attribute_name("VIP customer")
    ('Amt spent on shoes', 'Amt spent on shoes', 'VIP customer')
    >>> attribute_name("amtspentshoes"), attribute_name("plan"), attribute_name("How you heard of X Education")
    ('"amtspentshoes"', 'Plan', 'How you heard of X Education')
    """
    words = [word for word in _BREAK.split(name) if word]
    if not words:
        return f'"{name}"'
    if len(words) > 1 and " " in name and not _GLUED.search(name) and not name.isupper():
        return upper(" ".join(words))
    if len(words) == 1 and words[0].islower() and len(words[0]) >= RUN_TOGETHER and not _LONG_WORD.search(words[0]):
        return f'"{name}"'
    return upper(" ".join(word if _is_short_form(word) else word.lower() for word in words))


def _is_short_form(word: str) -> bool:
    return word.isupper() and 1 < len(word) <= SHORT_FORM


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
            return words.format(many=many, when=window_in_words(int(found[2])) if "when" in words else "")
    answer, per, sent = name.partition("_per_")
    if per and is_known_type(answer) and is_known_type(sent):
        return f"{event_names(answer)} per 100 {event_names(sent)}"
    return upper(attribute_name(name))
