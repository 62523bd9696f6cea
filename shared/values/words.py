"""Words as people write them: what means nothing, yes or no, names in one spelling, and names that speak of an end.

And names as people read them: types of events and attributes in words. One list of each for files, webhooks, requests,
training and serving.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, Final

from shared.values.unreadable import Unreadable

MISSING: Final = frozenset(
    {
        "",
        "na",
        "n/a",
        "n.a.",
        "n.a",
        "#n/a",
        "#n/a n/a",
        "#na",
        "<na>",
        "nan",
        "-nan",
        "#value!",
        "#ref!",
        "#name?",
        "#div/0!",
        "#null!",
        "#num!",
        "#nv",
        "#wert!",
        "#bezug!",
        "none",
        "null",
        "(null)",
        "<null>",
        "nil",
        "(none)",
        "<none>",
        "\\n",
        "undefined",
        "select",
        "(blank)",
        "(empty)",
        "(leer)",
        "(vide)",
        "-",
        "--",
        "---",
        ".",
        "?",
        "–",
        "—",
        "0000-00-00",
        "0000-00-00 00:00:00",
    }
)
"""In small letters. What people choose ("unknown", "no", "other", "not specified") is a value of its own and not
here."""

_WIDTHLESS: Final = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad"))
_LONGEST_MISSING: Final = max(map(len, MISSING))


def is_missing(value: Any) -> bool:
    r"""Whether a value stands for nothing at all: null, NaN, or one of the words.

    >>> is_missing(" N/A "), is_missing("\\N"), is_missing(float("nan")), is_missing("no"), is_missing(0)
    (True, True, True, False, False)
    """
    if isinstance(value, str):
        plain = value.strip()
        return len(plain) <= _LONGEST_MISSING and plain.lower() in MISSING
    return value is None or value != value


def cleaned(text: str) -> str:
    r"""Take away what nobody sees: spaces round the text, and marks without width such as a byte order mark.

    >>> cleaned("\ufeff c-1\u200b\u00a0")
    'c-1'
    """
    plain = text.strip()
    return plain if plain.isascii() else plain.translate(_WIDTHLESS).strip()


TRUE: Final = frozenset(
    {"true", "yes", "y", "t", "1", "wahr", "ja", "vrai", "oui", "verdadero", "si", "sí", "vero", "sì", "waar", "tak"}
)
FALSE: Final = frozenset(
    {"false", "no", "n", "f", "0", "falsch", "nein", "faux", "non", "falso", "onwaar", "nee", "nie"}
)
"""In small letters; `on` and `off`, `in` and `out`, are states of a thing and words of their own."""
WRITTEN_TRUTHS: Final = {
    "true": True, "false": False, "wahr": True, "falsch": False, "vrai": True, "faux": False, "verdadero": True,
    "vero": True, "falso": False, "waar": True, "onwaar": False,
}  # fmt: skip
"""What programs write for a value that is true or false; `Yes` and `No` are texts that people chose."""


def read_truth(text: str) -> bool | None:
    """Read yes or no; None where it is neither.

    >>> read_truth(" Yes"), read_truth("FALSCH"), read_truth("maybe")
    (True, False, None)
    """
    plain = text.strip().lower()
    return True if plain in TRUE else False if plain in FALSE else None


MAX_TYPE_CHARACTERS: Final = 64

CANONICAL: Final[Mapping[str, str]] = {
    # Segment's specifications of e-commerce, of e-mail and of B2B software
    "order_completed": "order_placed",
    "coupon_applied": "coupon_redeemed",
    "subscription_created": "subscription_started",
    "subscription_canceled": "subscription_cancelled",
    "email_link_clicked": "email_clicked",
    "email_marked_as_spam": "email_complained",
    "unsubscribed": "email_unsubscribed",
    # verb first, as Klaviyo and its shop connections write
    "placed_order": "order_placed",
    "refunded_order": "order_refunded",
    "cancelled_order": "order_cancelled",
    "fulfilled_order": "order_fulfilled",
    "started_checkout": "checkout_started",
    "viewed_product": "product_viewed",
    "added_to_cart": "product_added",
    "submitted_form": "form_submitted",
    "filled_out_form": "form_submitted",
    # the bare verb, as exports of e-mail tools and CRMs write
    "email_send": "email_sent",
    "email_delivery": "email_delivered",
    "email_open": "email_opened",
    "opened_email": "email_opened",
    "email_click": "email_clicked",
    "clicked_email": "email_clicked",
    "email_reply": "email_replied",
    "email_bounce": "email_bounced",
    "email_unsubscribe": "email_unsubscribed",
    "email_spam_complaint": "email_complained",
    "page_view": "page_viewed",
    "pageview": "page_viewed",
    "viewed_page": "page_viewed",
    "form_submission": "form_submitted",
}
"""What others call it, and what we do; keys are spelled as `event_type` spells."""

_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_OTHER = re.compile(r"[^a-z0-9]+")
_VALID = re.compile(r"[a-z][a-z0-9_]{0,63}")
_UMLAUTS: Final = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "o", "å": "a", "ł": "l", "đ": "d"}
)


def event_type(name: str) -> str:
    """Write a foreign event's name in our words: small letters, underscores, and our word where there is one.

    >>> event_type("Order Completed"), event_type("lesson.finished"), event_type("signedUp")
    ('order_placed', 'lesson_finished', 'signed_up')

    Raises:
        Unreadable: nothing of it can be a name, or it names a person.
    """
    if "@" in name or "hash:" in name:
        raise Unreadable("The event's name holds an address.")
    plain = _OTHER.sub("_", without_accents(_HUMPS.sub("_", cleaned(name)).lower())).strip("_")
    if not plain:
        raise Unreadable("The event's name has no letter of a to z and no digit.")
    if not plain[0].isalpha():
        plain = f"event_{plain}"
    plain = plain[:MAX_TYPE_CHARACTERS].rstrip("_")
    return CANONICAL.get(plain, plain)


def own_event_type(name: str) -> str:
    """Keep a name that is one of ours already, letter by letter; write any other as `event_type` does.

    Files and requests are the account's own, so that `page_view` stays what the account calls it; `Page View` is
    nobody's own name yet.

    >>> own_event_type("order_completed"), own_event_type("Order Completed"), own_event_type("EMAIL_OPENED")
    ('order_completed', 'order_placed', 'email_opened')

    Raises:
        Unreadable: as `event_type`.
    """
    return name if _VALID.fullmatch(name) else event_type(name)


def same_name_key(name: str) -> str:
    """Bring names of columns and attributes that differ only in case, accents and marks to one key.

    >>> len({same_name_key(name) for name in ("Total Charges", "total_charges", "TotalCharges", "total-charges")})
    1
    """
    plain = without_accents(unicodedata.normalize("NFKC", name).casefold())
    return "".join(filter(str.isalnum, plain)) or plain.strip()


def spelled_as(known: Iterable[str], names: Iterable[str]) -> frozenset[str]:
    """Replace names by those known of the same key; one that is unknown, or could be several, stays as it is.

    >>> sorted(spelled_as(["Lead Quality", "plan", "Plan"], ["lead_quality", "PLAN", "plan", "tags"]))
    ['Lead Quality', 'PLAN', 'plan', 'tags']
    """
    exact = {*known}
    by_key: dict[str, list[str]] = {}
    for name in exact:
        by_key.setdefault(same_name_key(name), []).append(name)
    return frozenset(
        found[0] if name not in exact and len(found := by_key.get(same_name_key(name), [])) == 1 else name
        for name in names
    )


def as_listed(name: str) -> str:
    """Write a name as an option takes it that lists names with commas, or takes the word `all`.

    >>> as_listed("country"), as_listed("Revenue, total"), as_listed("all")
    ('country', '"Revenue, total"', '"all"')
    """
    return '"' + name.replace('"', '""') + '"' if name == "all" or {*name} & {*',"'} else name


def same_value_key(text: str) -> str:
    """Bring texts of one column that differ only in case and space to one key; marks and accents may distinguish them.

    >>> same_value_key(" Month-to-month "), same_value_key("MONTH-TO-MONTH"), same_value_key("C++")
    ('month-to-month', 'month-to-month', 'c++')
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def without_accents(text: str) -> str:
    """Write letters with accents without them, umlauts with the letter that stands for them.

    >>> without_accents("größe"), without_accents("prénom"), without_accents("ñandú")
    ('groesse', 'prenom', 'nandu')
    """
    if text.isascii():
        return text
    spread = unicodedata.normalize("NFKD", unicodedata.normalize("NFC", text).translate(_UMLAUTS))
    return unicodedata.normalize("NFC", "".join(mark for mark in spread if not unicodedata.combining(mark)))


_WORD_BREAK = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")
_OF_THE_OUTCOME = re.compile(
    r"\b(call|talk|last contact|conversation) ?(duration|length|time|seconds|minutes)\b"
    r"|^duration\b|\bduration (of|in)\b|\blead profile\b"
    r"|\blast (notable )?(activity|touch|interaction|action|step|status|engagement)\b"
    r"|\b(lead|deal|sales|opportunity|account|pipeline|lifecycle|funnel) (quality|status|stage|state|rating|grade)\b"
    r"|\b(close|closed|closing|won|lost|conversion|converted|signed) ?(date|on|at|day|time|by|reason)?$"
    r"|\b(lost|win|won|loss|churn|cancell?ation|exit|leaving|closing) reason\b|\breason (for|of) "
    r"|\b(tags?|disposition|follow ?up|next step|sales notes?)\b|\b(outcome|result)\b"
    r"|\b(cancell?ed|churned|left|resigned|terminated) ?(date|on|at)?$"
)
_BEFORE_IT = re.compile(r"\b(prev|previous|prior|earlier|past)\b")


def speaks_of_the_outcome(name: str) -> bool:
    """Whether a column's name speaks of something that usually happens with the outcome, or after it.

    >>> speaks_of_the_outcome("Last Notable Activity"), speaks_of_the_outcome("closeDate")
    (True, True)
    >>> speaks_of_the_outcome("previous_outcome"), speaks_of_the_outcome("marital status")
    (False, False)
    """
    words = " ".join(_WORD_BREAK.split(name)).lower().strip()
    return bool(_OF_THE_OUTCOME.search(words)) and not _BEFORE_IT.search(words)


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
_EVENT_NAMES: dict[str, tuple[str, str]] = {
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
_BREAK = re.compile(_HUMPS.pattern + r"|[\s_.\-/]+")
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
    return _EVENT_NAMES[name][0] if name in _EVENT_NAMES else '"' + name.replace("_", " ").strip() + '"'


def event_names(name: str | None) -> str:
    """Name several events of a type in a sentence.

    >>> event_names("page_viewed"), event_names("demo_watched")
    ('page views', '"demo watched" events')
    """
    if name is None:
        return "activities"
    return _EVENT_NAMES[name][1] if name in _EVENT_NAMES else f"{event_name(name)} events"


def is_known_type(name: str) -> bool:
    """Whether a type of event is one that has words here."""
    return name in _EVENT_NAMES


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
