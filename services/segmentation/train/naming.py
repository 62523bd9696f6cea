"""Names from what sets a group apart: short, unique, and the same for the same groups.

A name says how often and how lately (the rhythm), then for how much, then at most two manners: "Frequent buyers,
high spend, mostly at weekends". Groups that would be called the same are told apart by where they differ most.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from services.segmentation.features import FREQUENCY, LEADING, MONEY, RECENCY
from services.segmentation.train.profiles import Profile, Trait
from shared.features.phrases import event_name, event_names
from shared.ties import least, rounded

CLEAR = 0.5
"""Standard deviations from which a difference is worth a word."""
STRONG = 1.0
LONG_DAYS = 365.0
MOST_MANNERS = 2
RHYTHM_SHARE = 0.7
"""How far counts of one event follow those of another in a group, before it is worth a word."""
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
    "weekend_share": ("mostly at weekends", "on weekdays"),
    "morning_share": ("in the morning", "seldom in the morning"),
    "evening_share": ("in the evening", "seldom in the evening"),
    "coupon_redeemed_365d": ("use coupons", "rarely use coupons"),
    "order_refunded_365d": ("often return", "rarely return"),
    "email_opened": ("often open e-mail", "rarely open e-mail"),
    "email_clicked": ("often click e-mail", "rarely click e-mail"),
}


def names(
    described: Sequence[Profile],
    *,
    leading: str | None,
    taken: Mapping[int, str] | None = None,
    avoided: Collection[str] = (),
) -> list[str]:
    """Name every group.

    Args:
        described: the groups.
        leading: the event type that recency and frequency are about.
        taken: names that groups have already, by position; they stay.
        avoided: names that the account gave to others.

    Returns:
        One a group, in order, all different.
    """
    kept = dict(taken or {})
    parts = [[*_parts(profile, leading)] for profile in described]
    short = [_joined(listed[: 2 + MOST_MANNERS]) for listed in parts]
    for _ in range(len(described)):
        chosen = [kept.get(at, name) for at, name in enumerate(short)]
        clash = next((name for name, count in Counter(chosen).items() if count > 1), None)
        if clash is None:
            break
        _tell_apart(short, [at for at, name in enumerate(chosen) if name == clash], described)
    chosen = [kept.get(at, name) for at, name in enumerate(short)]
    counts = Counter([*chosen, *avoided])
    return [name if at in kept or counts[name] == 1 else f"{name} ({at + 1})" for at, name in enumerate(chosen)]


def description(profile: Profile, *, most: int = 4) -> str:
    """Say in sentences what is typical of a group: how many they are, then what sets them apart most."""
    # No money says what no events beside it say.
    said = [trait for trait in profile.telling if trait.feature.thing not in (MONEY, "size") or trait.typical > 0]
    told = ". ".join(trait.text for trait in said[:most])
    worth = "" if not profile.value_share else f", {profile.value_share:.0%} of the money of the last year"
    return f"{profile.share:.0%} of contacts{worth}. Typical: {told}."


def inner_names(described: Sequence[Profile]) -> list[str]:
    """Name the groups inside a segment by the manners in which they differ most from its other members.

    One manner, two where two are clear; groups that would be called the same get as many more as tell them apart.
    """
    manners = [[trait for trait in profile.telling if trait.feature.thing not in LEADING] for profile in described]
    told = [max(1, sum(abs(trait.difference) >= CLEAR for trait in listed[:MOST_MANNERS])) for listed in manners]
    for _ in range(max(map(len, manners))):
        chosen = [
            _joined([_comparison(trait, trait.difference > 0) for trait in listed[:count]])
            for listed, count in zip(manners, told, strict=True)
        ]
        counts = Counter(chosen)
        if max(counts.values()) == 1:
            return chosen
        told = [count + (counts[name] > 1) for name, count in zip(chosen, told, strict=True)]
    return [f"{name} ({at + 1})" for at, name in enumerate(chosen)]


def _joined(parts: Sequence[str]) -> str:
    whole = ", ".join(parts)
    return whole[:1].upper() + whole[1:]


def _parts(profile: Profile, leading: str | None) -> Iterator[str]:
    yield _rhythm(profile, leading)
    yield from _spend(profile)
    yield from _manners(profile)


def people(leading: str | None) -> str:
    """Name the people who do things of a type."""
    return _WHO.get(leading or "", "contacts")


def _rhythm(profile: Profile, leading: str | None) -> str:
    """Say how often and how lately; a higher recency is longer ago."""
    who = people(leading)
    if np.isnan(last_days(profile)):
        return f"no {event_name(leading)} yet"
    ago, often = profile.difference(RECENCY), profile.difference(FREQUENCY)
    if ago >= CLEAR:
        return f"{'long-lost' if last_days(profile) > LONG_DAYS else 'lapsed'} {who}"
    if often >= 1.5 * STRONG:
        return f"very frequent {who}"
    if often >= CLEAR:
        return f"frequent {who}"
    if often >= 0 or ago <= -CLEAR / 2:
        return f"regular {who}" if often > -CLEAR else f"recent occasional {who}"
    return f"occasional {who}" if ago <= 0 else f"fading {who}"


def last_days(profile: Profile) -> float:
    """Tell how long ago the typical member was seen; NaN where most never were."""
    return next((trait.typical for trait in profile.traits if trait.feature.thing == RECENCY), 0.0)


def _spend(profile: Profile) -> Iterator[str]:
    spent, size = profile.difference(MONEY), profile.difference("size")
    lost = profile.difference(RECENCY) >= CLEAR
    if spent >= CLEAR:
        yield "top spend" if spent >= 1.5 * STRONG else "high spend"
    elif spent <= -CLEAR and not lost:
        yield "low spend"
    elif abs(size) >= CLEAR:
        yield "large orders" if size > 0 else "small orders"


def _manners(profile: Profile) -> Iterator[str]:
    usual = {RECENCY, FREQUENCY, MONEY, "size"}
    for trait in profile.telling:
        # Counts of other events follow the rhythm: only what goes beyond it is a manner.
        rhythm = profile.difference(FREQUENCY) if trait.feature.kind in ("count", "distinct") else 0.0
        beyond = float(rounded(trait.difference - RHYTHM_SHARE * rhythm))
        if trait.feature.thing not in usual and beyond * trait.difference > 0 and abs(beyond) >= CLEAR:
            yield _manner(trait, beyond > 0)


def _manner(trait: Trait, more: bool) -> str:
    feature = trait.feature
    listed = _MANY_FEW.get(feature.name) or _MANY_FEW.get(feature.type or "" if feature.kind == "rate" else "")
    if listed is not None:
        return listed[0] if more else listed[1]
    if feature.kind == "distinct":
        return f"{'many' if more else 'few'} kinds of {feature.other or 'item'}s"
    if feature.attribute is not None:
        return _attribute(trait, more)
    return f"{'many' if more else 'few'} {event_names(feature.type)}"


def _attribute(trait: Trait, more: bool) -> str:
    name = (trait.feature.attribute or "").replace("_", " ")
    if trait.feature.is_categorical:
        code = int(trait.typical)
        shown = trait.feature.categories[code] if code < len(trait.feature.categories) else "other"
        return f"{name} {'mostly' if more else 'seldom'} {shown}"
    if trait.feature.kind == "boolean":
        return name if more else f"not {name}"
    return f"{'high' if more else 'low'} {name}"


def _tell_apart(short: list[str], same: Sequence[int], described: Sequence[Profile]) -> None:
    """Add to each of some equal names where its group stands in what they differ in most."""
    said = MONEY if "spend" in short[same[0]] else ""
    things = [trait.feature.thing for trait in described[same[0]].telling if trait.feature.thing != said]
    between = {thing: [described[at].difference(thing) for at in same] for thing in things}
    thing = least(things, lambda thing: min(between[thing]) - max(between[thing]))
    ordered = sorted(same, key=lambda at: -described[at].difference(thing))
    middle = sum(described[at].difference(thing) for at in same) / len(same)
    for at in ordered:
        trait = next(trait for trait in described[at].telling if trait.feature.thing == thing)
        short[at] = f"{short[at]}, {_comparison(trait, described[at].difference(thing) > middle)}"


def _comparison(trait: Trait, more: bool) -> str:
    thing = trait.feature.thing
    if thing == RECENCY:
        return "longer ago" if more else "more lately"
    if thing == FREQUENCY:
        return "more often" if more else "less often"
    if thing == MONEY:
        return "higher spend" if more else "lower spend"
    if thing == "size":
        return "larger orders" if more else "smaller orders"
    return _manner(trait, more)
