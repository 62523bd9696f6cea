"""Words of one group beside the whole: who its members are, and in which manner they differ."""

from services.segmentation.features import FREQUENCY, MONEY, RECENCY
from services.segmentation.train.profiles import Trait
from shared.features.names_in_words import attribute_name, event_names

HALF = 0.5
"""Share of the typical member from which most is said."""
_WHO = {
    "order_placed": "buyers",
    "deal_won": "buyers",
    "subscription_renewed": "subscribers",
    "subscription_started": "subscribers",
    "page_viewed": "visitors",
    "product_used": "users",
    "email_opened": "readers",
    "email_clicked": "clickers",
    "coupon_redeemed": "coupon users",
    "form_submitted": "askers",
    "webinar_attended": "webinar guests",
}
_MANY_FEW: dict[str, tuple[str, str]] = {
    "coupon_redeemed_365d": ("use coupons", "use few coupons"),
    "order_refunded_365d": ("often return", "rarely return"),
    "email_opened": ("often open e-mail", "rarely open e-mail"),
    "email_clicked": ("often click e-mail", "rarely click e-mail"),
}
_WHEN = {"weekend_share": "at weekends", "morning_share": "in the morning", "evening_share": "in the evening"}


def people(leading: str | None) -> str:
    """Name the people who do things of a type."""
    return _WHO.get(leading or "", "contacts")


def manner(trait: Trait, *, more: bool) -> str:
    """Name how a group does a thing beside everybody."""
    feature = trait.feature
    if feature.name in _WHEN:
        return _part_of_time(trait, _WHEN[feature.name], more=more)
    listed = _MANY_FEW.get(feature.name) or _MANY_FEW.get(feature.type or "" if feature.kind == "rate" else "")
    if listed is not None:
        return listed[0] if more else listed[1]
    if feature.kind == "distinct":
        return f"{'many' if more else 'few'} kinds of {feature.other or 'item'}s"
    if feature.attribute is not None:
        return _attribute(trait, more=more)
    return f"{'many' if more else 'few'} {event_names(feature.type)}"


def _part_of_time(trait: Trait, when: str, *, more: bool) -> str:
    """Say mostly only of what the typical member mostly does, and never only of what it never does."""
    if more:
        return f"mostly {when}" if trait.typical > HALF else f"more {when}"
    return f"never {when}" if trait.typical == 0 else f"less {when}"


def _attribute(trait: Trait, *, more: bool) -> str:
    name = attribute_name(trait.feature.attribute or "")
    name = name if any(letter.isupper() for letter in name[1:]) else name[:1].lower() + name[1:]
    if trait.feature.is_categorical:
        code = int(trait.typical)
        shown = trait.feature.categories[code] if code < len(trait.feature.categories) else "a rare one"
        # The value that members have most beyond all contacts need not be what most of them have.
        return f"{name} {'more' if more else 'less'} often {shown}"
    if trait.feature.kind == "boolean":
        return f"{name}: {'yes' if trait.typical else 'no'}"
    return f"{'high' if more else 'low'} {name}"


def comparison(trait: Trait, *, more: bool) -> str:
    """Name where a group stands beside another one."""
    thing = trait.feature.thing
    if thing == RECENCY:
        return "longer ago" if more else "more lately"
    if thing == FREQUENCY:
        return "more often" if more else "less often"
    if thing == MONEY:
        return "higher spend" if more else "lower spend"
    if thing == "size":
        return "larger orders" if more else "smaller orders"
    return manner(trait, more=more)
