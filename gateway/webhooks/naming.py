"""Foreign names of happenings in our words: canonical where there is one, else snake_case."""

import re
from collections.abc import Mapping
from typing import Final

from gateway.webhooks.provider import ItemRefused

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
}

_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_OTHER = re.compile(r"[^a-z0-9]+")


def event_type(name: str) -> str:
    """Say a foreign event's name in our words.

    >>> event_type("Order Completed"), event_type("lesson.finished"), event_type("signedUp")
    ('order_placed', 'lesson_finished', 'signed_up')

    Raises:
        ItemRefused: nothing of it can be a name, or it names a person.
    """
    if "@" in name or "hash:" in name:
        raise ItemRefused("The event's name holds an address.")
    plain = _OTHER.sub("_", _HUMPS.sub("_", name.strip()).lower()).strip("_")
    if not plain:
        raise ItemRefused("The event's name has no letter of a to z and no digit.")
    if not plain[0].isalpha():
        plain = f"event_{plain}"
    plain = plain[:MAX_TYPE_CHARACTERS].rstrip("_")
    return CANONICAL.get(plain, plain)
