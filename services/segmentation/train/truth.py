"""Whether a name that a group kept over a retraining is still true of its members of today."""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from services.segmentation.features import FREQUENCY, MONEY, RECENCY
from services.segmentation.train.profiles import Profile
from services.segmentation.train.standing import (
    LATELY_DAYS,
    LEAST_FREQUENT,
    LEAST_REGULAR,
    LONG_DAYS,
    MOST_OCCASIONAL,
    Standing,
    overall,
    typical,
)
from services.segmentation.train.wording import comparison, manner, people
from shared.features.names_in_words import event_name

_NUMBERED = re.compile(r" \(\d+\)$")
_OFTEN = {"very frequent": 3, "frequent": 2, "regular": 1}
_SPEND = {"top spend": 2, "high spend": 1}


def still_true(
    taken: Mapping[int, str],
    fresh: Sequence[str],
    described: Sequence[Profile],
    levels: Sequence[Standing],
    *,
    leading: str | None,
) -> dict[int, str]:
    """Keep the names of which every word is true of today's medians, and whose order is that of the medians.

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


def _is_true(word: str, profile: Profile, standing: Standing, leading: str | None) -> bool:
    who = f" {people(leading)}"
    if word.endswith(who) or word == f"no {event_name(leading)} yet":
        return _is_rhythm(word.removesuffix(who), profile, standing)
    if word in ("top spend", "high spend", "low spend"):
        return _beside_all(profile, MONEY, more=word != "low spend")
    if word in ("large orders", "small orders"):
        return _beside_all(profile, "size", more=word == "large orders")
    return word in _true_manners(profile)


def _is_rhythm(word: str, profile: Profile, standing: Standing) -> bool:
    last, often = typical(profile, RECENCY), typical(profile, FREQUENCY)
    if standing.lost or np.isinf(last):
        return word == ("long-lost" if last > LONG_DAYS else "lapsed") if np.isfinite(last) else word.startswith("no ")
    usual = overall(profile, FREQUENCY)
    return {
        "very frequent": standing.lately and often >= max(usual, LEAST_FREQUENT[1]),
        "frequent": standing.lately and often >= max(usual, LEAST_FREQUENT[0]),
        "regular": standing.lately and often >= LEAST_REGULAR,
        "recent occasional": last <= LATELY_DAYS[0] and often < MOST_OCCASIONAL,
        "occasional": last <= LATELY_DAYS[1] and often < MOST_OCCASIONAL,
        "fading": not standing.lately,
    }.get(word, False)


def _beside_all(profile: Profile, thing: str, *, more: bool) -> bool:
    mine, usual = typical(profile, thing), overall(profile, thing)
    return mine > usual if more else mine < usual


def _true_manners(profile: Profile) -> set[str]:
    return {
        say(trait, more=trait.difference > 0)
        for trait in profile.traits
        if trait.difference
        for say in (manner, comparison)
    }


def _out_of_order(chosen: Sequence[str], described: Sequence[Profile], leading: str | None) -> set[int]:
    """List groups whose larger word stands beside a median that is not larger."""
    who, wrong = f" {people(leading)}", set[int]()
    words = [_words(name) for name in chosen]
    often = [_OFTEN.get(listed[0].removesuffix(who), 0) for listed in words]
    spend = [max((_SPEND.get(word, 0) for word in listed), default=0) for listed in words]
    for thing, ranks, least in ((FREQUENCY, often, 1), (MONEY, spend, 0)):
        medians = [typical(profile, thing) for profile in described]
        for one, rank in enumerate(ranks):
            others = [at for at, other in enumerate(ranks) if least <= other < rank and medians[at] >= medians[one]]
            wrong |= {one, *others} if others else set()
    return wrong
