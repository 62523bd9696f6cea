"""What counts as an answer to a message, as an act of the contact, and as an order."""

from collections.abc import Mapping

from shared.contracts.rows import DAY

ENGAGEMENT_WITHIN = DAY
"""Engagement counts when it comes `sent <= t < sent + 24 h`."""
SENT = "email_sent"
BY_MESSAGE: Mapping[str, tuple[str, ...]] = {
    "click": ("email_clicked", "email_replied"),
    "open": ("email_opened", "email_clicked", "email_replied"),
}
"""Events that answer the message whose id they carry. Opens that may be a machine's have another type."""
BY_TIME: Mapping[str, tuple[str, ...]] = {"order": ("order_placed",)}
"""Events without a message: the first one within a day after the send counts."""
ORDERS = ("order_placed", "deal_won")
"""Events that are orders, with what they brought, where nobody names others: value is learned from them."""
EXPORTED_BY_LINE = (*ORDERS, "order_refunded")
"""Types of which shops hand out an event a line, since each line names its item: those of one instant are one order."""
ANSWERS: Mapping[str, tuple[str, ...]] = {**BY_MESSAGE, **BY_TIME}
ENGAGEMENTS = tuple(ANSWERS)
ACTIVITY: Mapping[str, float] = {
    "email_clicked": 1.0,
    "email_replied": 1.0,
    "order_placed": 1.0,
    "form_submitted": 1.0,
    "content_downloaded": 1.0,
    "meeting_booked": 1.0,
    "trial_started": 1.0,
    "subscription_started": 1.0,
    "email_opened": 0.5,
    "page_viewed": 0.5,
    "product_used": 0.5,
}
"""What a contact does with own hands, and how much it weighs: clicks and purchases more than opens and views."""
PURCHASES = ("order_placed", "subscription_started", "subscription_renewed", "deal_won")
"""Types of events whose item was bought."""
