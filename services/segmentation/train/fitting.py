"""From pasts to a version with its evidence: no store, no registry."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from services.segmentation.model import FOUND, RULES, Grouping, Named, Segment, SegmentationModel
from services.segmentation.train.choosing import FEWEST, HOLDING, MOST, Candidate, Earlier, candidate, chosen, earlier
from services.segmentation.train.finding import Found, find
from services.segmentation.train.identity import Identity, found_before, identity, start
from services.segmentation.train.inside import Inner, look_inside
from services.segmentation.train.matching import Matching
from services.segmentation.train.naming import inner_names, names
from services.segmentation.train.profiles import Profile, profiles
from services.segmentation.train.rules import rule_names, scheme
from services.segmentation.train.today import Labels, Today
from shared.contracts.prediction import Grade
from shared.contracts.rows import Microseconds, instant_of
from shared.contracts.training import Progress, silent
from shared.errors import BadRequest
from shared.evaluation.gate import A_SKILL, B_SKILL
from shared.timeline import Pasts

SEED = 0
FEW_CONTACTS = 300
"""Contacts below which groups are set by a rule: found ones would be chance."""
MOST_SEGMENTS = 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the caller decides about groups."""

    segments: int | None = None
    """How many; None: chosen by measurement."""
    attributes: Collection[str] = ()
    """Attributes that are to count too."""
    renamed: Mapping[str, str] | None = None
    """What the account calls segments, by id: no other segment is to be named so."""
    seed: int = SEED


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted model with the evidence behind it."""

    model: SegmentationModel
    today: Today
    labels: Labels
    """(n,) group of each contact."""
    candidates: tuple[Candidate, ...]
    before: Earlier | None
    """The earlier cutoff that usefulness was judged at."""
    matching: Matching | None
    """None: there was no version before."""
    described: tuple[Profile, ...]
    described_inside: tuple[tuple[Profile, ...], ...]
    """One tuple a segment; empty where there are no groups inside."""
    renamed: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Id of a kept segment → its name before, which is no longer true, and its name now."""

    @property
    def served(self) -> Candidate | None:
        """Tell what was measured of the number of groups that is served; None for the rule."""
        return _served(self.candidates)

    @property
    def sizes(self) -> list[int]:
        """Count the members of each segment."""
        return [profile.size for profile in self.described]


def fitted(
    pasts: Pasts,
    *,
    until: Microseconds,
    now: Microseconds,
    wanted: Wanted | None = None,
    previous: SegmentationModel | None = None,
    progress: Progress = silent,
) -> Fit:
    """Declare features, choose the number of groups, find, match, name and describe them.

    Args:
        pasts: all contacts of the account that may be profiled.
        until: the end of the data: everybody's cutoff.
        now: becomes `trained_at`.
        wanted: what the caller decides.
        previous: the version whose identities are to be kept.
        progress: told what is done and how far, 0 to 1.

    Raises:
        InsufficientData: fewer than 20 contacts have any event.
        BadRequest: more groups are wanted than 20, or fewer than 2.
    """
    wanted = wanted or Wanted()
    if wanted.segments is not None and not 2 <= wanted.segments <= MOST_SEGMENTS:
        raise BadRequest(f"Between 2 and {MOST_SEGMENTS} segments can be found.")
    progress("computing features", 0.0)
    today = Today.of(pasts, until, wanted.attributes)
    before = earlier(pasts, today.declared, until)
    candidates = _candidates(today, before, wanted, found_before(previous), progress)
    served = _served(candidates)
    progress("finding the segments", 0.8)
    if served is None:
        found = scheme(today.feature_set, today.transform, today.places)
    else:
        found = find(today.places, served.k, seed=wanted.seed, start=start(previous, today, served.k))
    progress("matching, naming, describing", 0.9)
    kept = identity(previous, today, found, by_rule=served is None)
    described = profiles(today.feature_set, today.transform, today.values, found.labels, k=len(found.grouping))
    inner = [None] * len(described) if served is None else _inner(today, found, wanted.seed)
    inside = [_inner_profiles(today, found.labels == at, one) for at, one in enumerate(inner)]
    called = _names(today, described, kept, wanted, served)
    model = SegmentationModel(
        kind=RULES if served is None else FOUND,
        grade=grade_of(served),
        trained_at=instant_of(now),
        feature_set=today.feature_set,
        transform=today.transform,
        grouping=found.grouping,
        segments=_segments(kept, called, inner, inside),
        next_number=kept.next_number,
    )
    renamed = {f"s{kept.numbers[at]}": (name, called[at]) for at, name in kept.names.items() if name != called[at]}
    profiled = tuple(described), tuple(inside)
    return Fit(model, today, found.labels, candidates, before, kept.matching, *profiled, renamed)


def _served(candidates: Sequence[Candidate]) -> Candidate | None:
    return next((one for one in candidates if one.chosen), None)


def _candidates(
    today: Today, before: Earlier | None, wanted: Wanted, k_before: int | None, progress: Progress
) -> tuple[Candidate, ...]:
    """Measure every number of groups that is possible; none for few contacts, or for contacts that are all alike."""
    different = len(np.unique(today.places[: 100 * FEW_CONTACTS], axis=0))
    numbers = range(FEWEST, MOST + 1) if wanted.segments is None else [wanted.segments]
    possible = [k for k in numbers if k <= different]
    if len(today.contact) < FEW_CONTACTS or not possible:
        return ()
    listed = []
    for position, k in enumerate(possible):
        progress(f"measuring {k} segments", 0.1 + 0.7 * position / len(possible))
        listed.append(candidate(today, before, k, seed=wanted.seed))
    best = chosen(listed, before=k_before)
    return tuple(replace(one, chosen=one is best) for one in listed)


def _inner(today: Today, found: Found, seed: int) -> list[Inner | None]:
    standardised, n = today.transform.standardised(today.values), len(today.values)
    return [
        look_inside(today.feature_set, today.transform, standardised[found.labels == at], of_all=n, seed=seed)
        for at in range(len(found.grouping))
    ]


def _inner_profiles(today: Today, mine: Labels, inner: Inner | None) -> tuple[Profile, ...]:
    if inner is None:
        return ()
    k = len(inner.grouping)
    return tuple(profiles(today.feature_set, today.transform, today.values[mine], inner.labels, k=k))


def _names(
    today: Today, described: Sequence[Profile], kept: Identity, wanted: Wanted, served: Candidate | None
) -> list[str]:
    if served is None:
        return rule_names(described, today.leading)
    avoided = tuple((wanted.renamed or {}).values())
    return names(described, leading=today.leading, taken=kept.names, avoided=avoided)


def _segments(
    kept: Identity, called: Sequence[str], inner: Sequence[Inner | None], inside: Sequence[Sequence[Profile]]
) -> tuple[Segment, ...]:
    return tuple(
        _segment(number, name, one, described)
        for number, name, one, described in zip(kept.numbers, called, inner, inside, strict=True)
    )


def _segment(number: int, name: str, inner: Inner | None, described: Sequence[Profile]) -> Segment:
    named = Named(f"s{number}", name)
    if inner is None:
        return Segment(named)
    micro = tuple(Named(f"s{number}.{at + 1}", told) for at, told in enumerate(inner_names(described)))
    return Segment(named, micro, Grouping(inner.grouping.centres, inner.grouping.spread))


def grade_of(served: Candidate | None) -> Grade:
    """Choose the letter by what the groups explain beyond the plain score: lower 95 % bound, as a share of it.

    Args:
        served: None for the rule, which is the plain score itself.
    """
    if served is None or served.usefulness is None or not served.usefulness.gain.low > 0:
        return "D"
    if served.agreement < HOLDING or served.usefulness.gain.low < B_SKILL:
        return "C"
    return "A" if served.usefulness.gain.low >= A_SKILL else "B"
