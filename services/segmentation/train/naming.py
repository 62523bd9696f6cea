"""Names from what sets a group apart: short, unique, and the same for the same groups.

A name says how often and how lately (the rhythm), then for how much, then at most two manners: "Frequent buyers,
high spend, mostly at weekends". Groups that would be called the same are told apart by where they differ most.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from services.segmentation.features import FREQUENCY, LEADING, MONEY, RECENCY
from services.segmentation.train.profiles import Profile, Trait
from services.segmentation.train.standing import (
    CLEAR,
    LATELY_DAYS,
    LEAST_REGULAR,
    LONG_DAYS,
    MOST_OCCASIONAL,
    Standing,
    standings,
    typical,
)
from services.segmentation.train.truth import still_true
from services.segmentation.train.wording import comparison, manner, people
from shared.features.names_in_words import event_name
from shared.ties import least, rounded

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
    levels = standings(described)
    parts = [[*_parts(profile, standing, leading)] for profile, standing in zip(described, levels, strict=True)]
    short = [_joined(listed[: 2 + MOST_MANNERS]) for listed in parts]
    kept = still_true(taken or {}, short, described, levels, leading=leading)
    for _ in range(len(described)):
        chosen = [kept.get(at, name) for at, name in enumerate(short)]
        clashes = [name for name, count in Counter(chosen).items() if count > 1]
        if not clashes:
            break
        for clash in clashes:
            _tell_apart(short, [at for at, name in enumerate(chosen) if name == clash], described)
    chosen = [kept.get(at, name) for at, name in enumerate(short)]
    counts = Counter([*chosen, *avoided])
    return [name if at in kept or counts[name] == 1 else f"{name} ({at + 1})" for at, name in enumerate(chosen)]


def description(profile: Profile, *, most: int = 4) -> str:
    """Say in sentences what is typical of a group: how many they are, then what sets them apart most."""
    # No money says what no events beside it say.
    said = [trait for trait in profile.telling if trait.feature.thing not in (MONEY, "size") or trait.typical > 0]
    # What is typical of everybody is nothing to tell of a group.
    said = [trait for trait in said if trait.feature.is_categorical or trait.typical != trait.overall] or said
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
            _joined([comparison(trait, more=trait.difference > 0) for trait in listed[:count]])
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


def _parts(profile: Profile, standing: Standing, leading: str | None) -> Iterator[str]:
    yield _rhythm(profile, standing, leading)
    yield from _spend(standing)
    yield from _manners(profile)


def _rhythm(profile: Profile, standing: Standing, leading: str | None) -> str:
    """Say how often and how lately; whoever was not seen for longer than usual is never called regular."""
    who = people(leading)
    if np.isnan(last_days(profile)):
        return f"no {event_name(leading)} yet"
    if standing.lost:
        return f"{'long-lost' if last_days(profile) > LONG_DAYS else 'lapsed'} {who}"
    ago, often = profile.difference(RECENCY), profile.difference(FREQUENCY)
    if not standing.lately:
        return f"occasional {who}" if ago <= 0 and last_days(profile) <= LATELY_DAYS[1] else f"fading {who}"
    if standing.often > 0:
        return f"{'very ' if standing.often > 1 else ''}frequent {who}"
    count = typical(profile, FREQUENCY)
    in_rhythm = often >= 0 or (ago <= -CLEAR / 2 and often > -CLEAR) or count >= MOST_OCCASIONAL
    if count >= LEAST_REGULAR and in_rhythm:
        return f"regular {who}"
    return f"recent occasional {who}" if ago <= -CLEAR / 2 else f"occasional {who}"


def last_days(profile: Profile) -> float:
    """Tell how long ago the typical member was seen; NaN where most never were."""
    return next((trait.typical for trait in profile.traits if trait.feature.thing == RECENCY), 0.0)


def _spend(standing: Standing) -> Iterator[str]:
    if standing.spend > 0:
        yield "top spend" if standing.spend > 1 else "high spend"
    elif standing.spend < 0 and not standing.lost:
        yield "low spend"
    elif standing.size:
        yield "large orders" if standing.size > 0 else "small orders"


def _manners(profile: Profile) -> Iterator[str]:
    usual = {RECENCY, FREQUENCY, MONEY, "size"}
    for trait in profile.telling:
        # Counts of other events follow the rhythm: only what goes beyond it is a manner.
        rhythm = profile.difference(FREQUENCY) if trait.feature.kind in ("count", "distinct") else 0.0
        beyond = float(rounded(trait.difference - RHYTHM_SHARE * rhythm))
        told = trait.feature.thing not in usual and beyond * trait.difference > 0 and abs(beyond) >= CLEAR
        if told and _seen_in_the_median(trait):
            yield manner(trait, more=beyond > 0)


def _seen_in_the_median(trait: Trait) -> bool:
    """Whether the typical member differs from everybody in the direction of the mean: few may have moved that alone."""
    if trait.feature.is_categorical or np.isnan(trait.typical) or np.isnan(trait.overall):
        return True
    return (trait.typical - trait.overall) * trait.difference > 0


def _tell_apart(short: list[str], same: Sequence[int], described: Sequence[Profile]) -> None:
    """Add to each of some equal names where its group stands in what they differ most, where that is true."""
    said = MONEY if "spend" in short[same[0]] else ""
    things = [trait.feature.thing for trait in described[same[0]].telling if trait.feature.thing != said]
    between = {thing: [described[at].difference(thing) for at in same] for thing in things}
    honest = [thing for thing in things if _agrees([described[at] for at in same], thing)]
    if not honest:
        return
    thing = least(honest, lambda thing: min(between[thing]) - max(between[thing]))
    ordered = sorted(same, key=lambda at: -described[at].difference(thing))
    middle = sum(described[at].difference(thing) for at in same) / len(same)
    for at in ordered:
        trait = next(trait for trait in described[at].telling if trait.feature.thing == thing)
        short[at] = f"{short[at]}, {comparison(trait, more=described[at].difference(thing) > middle)}"


def _agrees(same: Sequence[Profile], thing: str) -> bool:
    """Whether the medians of what a name compares stand in the order of the means that the comparison goes by."""
    if thing not in (RECENCY, FREQUENCY, MONEY, "size"):
        return len({profile.difference(thing) for profile in same}) > 1
    middle = sum(profile.difference(thing) for profile in same) / len(same)
    above = [typical(profile, thing) for profile in same if profile.difference(thing) > middle]
    below = [typical(profile, thing) for profile in same if not profile.difference(thing) > middle]
    return bool(above) and min(above) > max(below)
