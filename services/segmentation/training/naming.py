"""Names from what sets a group apart: short, unique, and the same for the same groups.

A name says how often and how lately (the rhythm), then for how much, then at most two manners: "Frequent buyers,
high spend, mostly at weekends". Groups with the same name get one more word, where they differ most.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from services.segmentation.features import FREQUENCY, LEADING, MONEY, RECENCY
from services.segmentation.training.profiles import (
    CLEAR,
    LATELY_DAYS,
    LEAST_FREQUENT,
    LEAST_REGULAR,
    LONG_DAYS,
    MOST_OCCASIONAL,
    GroupRank,
    Profile,
    Trait,
    group_ranks,
    overall,
    typical,
)
from shared.ties import least, rounded
from shared.values.words import attribute_name, event_name, event_names

HALF = 0.5
"""Share of the typical member from which `mostly` is written."""
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


_NUMBERED = re.compile(r" \(\d+\)$")
_OFTEN = {"very frequent": 3, "frequent": 2, "regular": 1}
_SPEND = {"top spend": 2, "high spend": 1}


def still_true(
    taken: Mapping[int, str],
    fresh: Sequence[str],
    described: Sequence[Profile],
    levels: Sequence[GroupRank],
    *,
    leading: str | None,
) -> dict[int, str]:
    """Keep the names of which every word is still true of the medians, and whose order is that of the medians.

    A word need not be what the group would be called anew: a name is worth keeping while it says nothing wrong.

    Args:
        taken: names that groups have, by position.
        fresh: what every group would be called anew.
        described: the groups.
        levels: where they stand beside each other.
        leading: the event type that recency and frequency are about.

    Returns:
        Position → name, of those that stay.
    """
    kept = {
        at: name
        for at, name in taken.items()
        if all(_is_true(word, described[at], levels[at], leading) for word in _words(name))
    }
    while wrong := _out_of_order([kept.get(at, name) for at, name in enumerate(fresh)], described, leading) & {*kept}:
        kept = {at: name for at, name in kept.items() if at not in wrong}
    return kept


def _words(name: str) -> list[str]:
    plain = _NUMBERED.sub("", name)
    return (plain[:1].lower() + plain[1:]).split(", ")


def _is_true(word: str, profile: Profile, rank: GroupRank, leading: str | None) -> bool:
    who = f" {people(leading)}"
    if word.endswith(who) or word == f"no {event_name(leading)} yet":
        return _is_rhythm(word.removesuffix(who), profile, rank)
    if word in ("top spend", "high spend", "low spend"):
        return _beside_all(profile, MONEY, more=word != "low spend")
    if word in ("large orders", "small orders"):
        return _beside_all(profile, "size", more=word == "large orders")
    return word in _true_manners(profile)


def _is_rhythm(word: str, profile: Profile, rank: GroupRank) -> bool:
    last, often = typical(profile, RECENCY), typical(profile, FREQUENCY)
    if rank.lost or np.isinf(last):
        return word == ("long-lost" if last > LONG_DAYS else "lapsed") if np.isfinite(last) else word.startswith("no ")
    usual = overall(profile, FREQUENCY)
    return {
        "very frequent": rank.lately and often >= max(usual, LEAST_FREQUENT[1]),
        "frequent": rank.lately and often >= max(usual, LEAST_FREQUENT[0]),
        "regular": rank.lately and often >= LEAST_REGULAR,
        "recent occasional": last <= LATELY_DAYS[0] and often < MOST_OCCASIONAL,
        "occasional": last <= LATELY_DAYS[1] and often < MOST_OCCASIONAL,
        "fading": not rank.lately,
    }.get(word, False)


def _beside_all(profile: Profile, thing: str, *, more: bool) -> bool:
    mine, usual = typical(profile, thing), overall(profile, thing)
    return mine > usual if more else mine < usual


def _true_manners(profile: Profile) -> set[str]:
    return {
        phrase_of(trait, more=trait.difference > 0)
        for trait in profile.traits
        if trait.difference
        for phrase_of in (manner, comparison)
    }


def _out_of_order(chosen: Sequence[str], described: Sequence[Profile], leading: str | None) -> set[int]:
    """List groups whose larger word stands beside a median that is not larger."""
    who, wrong = f" {people(leading)}", set[int]()
    words = [_words(name) for name in chosen]
    often = [_OFTEN.get(listed[0].removesuffix(who), 0) for listed in words]
    spend = [max((_SPEND.get(word, 0) for word in listed), default=0) for listed in words]
    for thing, ranks, lowest in ((FREQUENCY, often, 1), (MONEY, spend, 0)):
        medians = [typical(profile, thing) for profile in described]
        for one, rank in enumerate(ranks):
            others = [at for at, other in enumerate(ranks) if lowest <= other < rank and medians[at] >= medians[one]]
            wrong |= {one, *others} if others else set()
    return wrong


MOST_MANNERS = 2
RHYTHM_SHARE = 0.7
"""How far counts of one event follow those of another in a group, before it is worth a word."""


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
        taken: names that groups have already, by position; those that are still true stay.
        avoided: names that the account gave to others.

    Returns:
        One a group, in order, all different.
    """
    levels = group_ranks(described)
    parts = [[*_parts(profile, rank, leading)] for profile, rank in zip(described, levels, strict=True)]
    short = [_joined(listed[: 2 + MOST_MANNERS]) for listed in parts]
    kept = still_true(taken or {}, short, described, levels, leading=leading)
    for _ in range(len(described)):
        chosen = [kept.get(at, name) for at, name in enumerate(short)]
        clashes = [name for name, count in Counter(chosen).items() if count > 1]
        if not clashes:
            break
        for clash in clashes:
            _distinguish(short, [at for at, name in enumerate(chosen) if name == clash], described)
    chosen = [kept.get(at, name) for at, name in enumerate(short)]
    counts = Counter([*chosen, *avoided])
    used = {*avoided, *(name for at, name in enumerate(chosen) if at in kept or counts[name] == 1)}
    return [
        name if at in kept or counts[name] == 1 else _numbered(name, at + 1, used) for at, name in enumerate(chosen)
    ]


def _numbered(name: str, number: int, used: set[str]) -> str:
    """Add a number to a name, the next free one, and note the name as used."""
    while (numbered := f"{name} ({number})") in used:
        number += 1
    used.add(numbered)
    return numbered


def description(profile: Profile, *, most: int = 4) -> str:
    """Say in sentences what is typical of a group: how many they are, then what sets them apart most."""
    # No money goes without saying where there are no events.
    traits = [trait for trait in profile.distinctive if trait.feature.thing not in (MONEY, "size") or trait.typical > 0]
    # What is typical of everybody does not describe a group.
    traits = [trait for trait in traits if trait.feature.is_categorical or trait.typical != trait.overall] or traits
    texts = ". ".join(trait.text for trait in traits[:most])
    worth = "" if not profile.value_share else f", {profile.value_share:.0%} of the money of the last year"
    return f"{profile.share:.0%} of contacts{worth}. Typical: {texts}."


def micro_names(described: Sequence[Profile]) -> list[str]:
    """Name the micro-segments of a segment by the manners in which they differ most from its other members.

    One manner, two where two are clear; groups with equal names get more until they differ.
    """
    manners = [[trait for trait in profile.distinctive if trait.feature.thing not in LEADING] for profile in described]
    counted = [max(1, sum(abs(trait.difference) >= CLEAR for trait in listed[:MOST_MANNERS])) for listed in manners]
    for _ in range(max(map(len, manners))):
        chosen = [
            _joined([comparison(trait, more=trait.difference > 0) for trait in listed[:count]])
            for listed, count in zip(manners, counted, strict=True)
        ]
        counts = Counter(chosen)
        if max(counts.values()) == 1:
            return chosen
        counted = [count + (counts[name] > 1) for name, count in zip(chosen, counted, strict=True)]
    return [f"{name} ({at + 1})" for at, name in enumerate(chosen)]


def _joined(parts: Sequence[str]) -> str:
    whole = ", ".join(parts)
    return whole[:1].upper() + whole[1:]


def _parts(profile: Profile, rank: GroupRank, leading: str | None) -> Iterator[str]:
    yield _rhythm(profile, rank, leading)
    yield from _spend(rank)
    yield from _manners(profile)


def _rhythm(profile: Profile, rank: GroupRank, leading: str | None) -> str:
    """Say how often and how lately; whoever was not seen for longer than usual is never called regular."""
    who = people(leading)
    if np.isnan(last_days(profile)):
        return f"no {event_name(leading)} yet"
    if rank.lost:
        return f"{'long-lost' if last_days(profile) > LONG_DAYS else 'lapsed'} {who}"
    ago, often = profile.difference(RECENCY), profile.difference(FREQUENCY)
    if not rank.lately:
        return f"occasional {who}" if ago <= 0 and last_days(profile) <= LATELY_DAYS[1] else f"fading {who}"
    if rank.often > 0:
        return f"{'very ' if rank.often > 1 else ''}frequent {who}"
    count = typical(profile, FREQUENCY)
    in_rhythm = often >= 0 or (ago <= -CLEAR / 2 and often > -CLEAR) or count >= MOST_OCCASIONAL
    if count >= LEAST_REGULAR and in_rhythm:
        return f"regular {who}"
    return f"recent occasional {who}" if ago <= -CLEAR / 2 else f"occasional {who}"


def last_days(profile: Profile) -> float:
    """Return how long ago the typical member was seen; NaN where most never were."""
    return next((trait.typical for trait in profile.traits if trait.feature.thing == RECENCY), 0.0)


def _spend(rank: GroupRank) -> Iterator[str]:
    if rank.spend > 0:
        yield "top spend" if rank.spend > 1 else "high spend"
    elif rank.spend < 0 and not rank.lost:
        yield "low spend"
    elif rank.size:
        yield "large orders" if rank.size > 0 else "small orders"


def _manners(profile: Profile) -> Iterator[str]:
    usual = {RECENCY, FREQUENCY, MONEY, "size"}
    for trait in profile.distinctive:
        # Counts of other events follow the rhythm: only what goes beyond it is a manner.
        rhythm = profile.difference(FREQUENCY) if trait.feature.kind in ("count", "distinct") else 0.0
        beyond = float(rounded(trait.difference - RHYTHM_SHARE * rhythm))
        differs = trait.feature.thing not in usual and beyond * trait.difference > 0 and abs(beyond) >= CLEAR
        if differs and _seen_in_the_median(trait):
            yield manner(trait, more=beyond > 0)


def _seen_in_the_median(trait: Trait) -> bool:
    """Whether the typical member differs from everybody in the direction of the mean: few may have moved that alone."""
    if trait.feature.is_categorical or np.isnan(trait.typical) or np.isnan(trait.overall):
        return True
    return (trait.typical - trait.overall) * trait.difference > 0


def _distinguish(short: list[str], same: Sequence[int], described: Sequence[Profile]) -> None:
    """Add to each of some equal names where its group stands in what they differ most, where that is true."""
    named = MONEY if "spend" in short[same[0]] else ""
    things = [trait.feature.thing for trait in described[same[0]].distinctive if trait.feature.thing != named]
    between = {thing: [described[at].difference(thing) for at in same] for thing in things}
    honest = [thing for thing in things if _agrees([described[at] for at in same], thing)]
    if not honest:
        return
    thing = least(honest, lambda thing: min(between[thing]) - max(between[thing]))
    ordered = sorted(same, key=lambda at: -described[at].difference(thing))
    middle = sum(described[at].difference(thing) for at in same) / len(same)
    for at in ordered:
        trait = next(trait for trait in described[at].distinctive if trait.feature.thing == thing)
        short[at] = f"{short[at]}, {comparison(trait, more=described[at].difference(thing) > middle)}"


def _agrees(same: Sequence[Profile], thing: str) -> bool:
    """Whether the medians of what a name compares stand in the order of the means that the comparison goes by."""
    if thing not in (RECENCY, FREQUENCY, MONEY, "size"):
        return len({profile.difference(thing) for profile in same}) > 1
    middle = sum(profile.difference(thing) for profile in same) / len(same)
    above = [typical(profile, thing) for profile in same if profile.difference(thing) > middle]
    below = [typical(profile, thing) for profile in same if not profile.difference(thing) > middle]
    return bool(above) and min(above) > max(below)
