"""From pasts to a version with its evidence: no store, no registry."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from services.segmentation.features import FREQUENCY, MONEY, RECENCY
from services.segmentation.model import (
    FOUND,
    RULES,
    Grouping,
    SegmentationModel,
    SegmentDefinition,
    SegmentRef,
    Transform,
)
from services.segmentation.training.clustering import Found, MicroSegments, find, micro_segments
from services.segmentation.training.identity import Identity, Matching, found_before, identity, start
from services.segmentation.training.naming import last_days, micro_names, names, people
from services.segmentation.training.profiles import LATELY_DAYS, Profile, profiles
from services.segmentation.training.selection import (
    FEWEST,
    HOLDING,
    MOST,
    Candidate,
    Earlier,
    candidate,
    chosen,
    earlier,
)
from services.segmentation.training.snapshot import Labels, Snapshot
from shared.contracts.defaults import LEAST_GROUPED
from shared.contracts.prediction import Grade
from shared.contracts.rows import Microseconds, instant_of
from shared.contracts.training import Progress, silent
from shared.errors import BadRequest
from shared.evaluation.gate import A_SKILL, B_SKILL
from shared.features import FeatureSet
from shared.timeline import Pasts
from shared.values.words import event_name

Matrix = NDArray[np.float64]

SCHEME: tuple[tuple[str, float, float], ...] = (
    ("Best {who}", -0.8, 1.0),
    ("Recent {who}, not often", -0.8, -0.6),
    ("Good {who}, fading", 0.8, 0.6),
    ("Lapsed {who}", 1.0, -1.0),
)
"""Name, place in recency (higher is longer ago), and place in frequency and money, in standard deviations."""
STILL_HERE = {"Good {who}, fading": "Good {who}, less recent", "Lapsed {who}": "Less recent {who}, less often"}
"""What a group is called whose typical member was seen within 30 days: a rule compares, it does not know who left."""


def scheme(feature_set: FeatureSet, transform: Transform, places: Matrix) -> Found:
    """Place the four groups; every contact belongs to the nearest.

    Args:
        feature_set: the columns.
        transform: how they become places.
        places: of the contacts, shape (n, q).
    """
    columns = transform.columns_of(feature_set)
    centres = np.zeros((len(SCHEME), transform.width))
    for place, feature in enumerate(columns):
        if feature.thing == RECENCY:
            centres[:, place] = [ago for _, ago, _ in SCHEME]
        elif feature.thing in (FREQUENCY, MONEY):
            centres[:, place] = [much for _, _, much in SCHEME]
    labels = Grouping(centres, 1.0).nearest(places)
    leading = centres.any(axis=0)
    return Found(Grouping.of(places[:, leading], labels, centres[:, leading]).with_centres(centres), labels)


def rule_names(described: Sequence[Profile], leading: str | None) -> list[str]:
    """Name the four groups; one whose members mostly never did what leads is named so.

    Args:
        described: the groups.
        leading: the event type that recency and frequency are about.
    """
    who, never = people(leading), f"No {event_name(leading)} yet"
    return [
        never if np.isnan(last) else (STILL_HERE.get(name, name) if last <= LATELY_DAYS[0] else name).format(who=who)
        for (name, _, _), last in zip(SCHEME, map(last_days, described), strict=True)
    ]


SEED = 0
MOST_SEGMENTS = 20


@dataclass(frozen=True, slots=True)
class SegmentationOptions:
    """What the caller decides about groups."""

    segments: int | None = None
    """How many; None: chosen by measurement."""
    attributes: Collection[str] = ()
    """Attributes that are to count too."""
    renamed: Mapping[str, str] | None = None
    """What the account calls segments, by id: no other segment is to be named so."""
    seed: int = SEED


@dataclass(frozen=True, slots=True)
class SegmentationFit:
    """A fitted model with the evidence behind it."""

    model: SegmentationModel
    snapshot: Snapshot
    labels: Labels
    """(n,) group of each contact."""
    candidates: tuple[Candidate, ...]
    before: Earlier | None
    """The earlier cutoff that usefulness was judged at."""
    matching: Matching | None
    """None: there was no version before."""
    described: tuple[Profile, ...]
    micro_profiles: tuple[tuple[Profile, ...], ...]
    """One tuple a segment; empty where it has no micro-segments."""
    renamed: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Id of a kept segment → its name before, which is no longer true, and its name now."""

    @property
    def served(self) -> Candidate | None:
        """Return what was measured of the number of groups that is served; None for the rule."""
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
    wanted: SegmentationOptions | None = None,
    previous: SegmentationModel | None = None,
    progress: Progress = silent,
) -> SegmentationFit:
    """Declare features, choose the number of groups, find, match, name and describe them.

    Args:
        pasts: all contacts of the account that may be profiled.
        until: the end of the data: everybody's cutoff.
        now: becomes `trained_at`.
        wanted: what the caller decides.
        previous: the version whose identities are to be kept.
        progress: called with what is done and how far, 0 to 1.

    Raises:
        InsufficientData: fewer than 20 contacts have any event.
        BadRequest: more groups are wanted than 20, or fewer than 2.
    """
    wanted = wanted or SegmentationOptions()
    if wanted.segments is not None and not 2 <= wanted.segments <= MOST_SEGMENTS:
        raise BadRequest(f"Between 2 and {MOST_SEGMENTS} segments can be found.")
    progress("computing features", 0.0)
    snapshot = Snapshot.of(pasts, until, wanted.attributes)
    before = earlier(pasts, snapshot.declared, until)
    candidates = _candidates(snapshot, before, wanted, found_before(previous), progress)
    served = _served(candidates)
    progress("finding the segments", 0.8)
    if served is None:
        found = scheme(snapshot.feature_set, snapshot.transform, snapshot.places)
    else:
        found = find(snapshot.places, served.k, seed=wanted.seed, start=start(previous, snapshot, served.k))
    progress("matching, naming, describing", 0.9)
    kept = identity(previous, snapshot, found, by_rule=served is None)
    described = profiles(snapshot.feature_set, snapshot.transform, snapshot.values, found.labels, k=len(found.grouping))
    inner = [None] * len(described) if served is None else _micro_segments(snapshot, found, wanted.seed)
    micro_profiles = [_micro_profiles(snapshot, found.labels == at, one) for at, one in enumerate(inner)]
    called = _names(snapshot, described, kept, wanted, served)
    model = SegmentationModel(
        kind=RULES if served is None else FOUND,
        grade=grade_of(served),
        trained_at=instant_of(now),
        feature_set=snapshot.feature_set,
        transform=snapshot.transform,
        grouping=found.grouping,
        segments=_segments(kept, called, inner, micro_profiles),
        next_number=kept.next_number,
    )
    renamed = {f"s{kept.numbers[at]}": (name, called[at]) for at, name in kept.names.items() if name != called[at]}
    profiled = tuple(described), tuple(micro_profiles)
    return SegmentationFit(model, snapshot, found.labels, candidates, before, kept.matching, *profiled, renamed)


def _served(candidates: Sequence[Candidate]) -> Candidate | None:
    return next((one for one in candidates if one.chosen), None)


def _candidates(
    snapshot: Snapshot, before: Earlier | None, wanted: SegmentationOptions, k_before: int | None, progress: Progress
) -> tuple[Candidate, ...]:
    """Measure every number of groups that is possible; none for few contacts, or for contacts that are all alike."""
    different = len(np.unique(snapshot.places[: 100 * LEAST_GROUPED], axis=0))
    numbers = range(FEWEST, MOST + 1) if wanted.segments is None else [wanted.segments]
    possible = [k for k in numbers if k <= different]
    if len(snapshot.contact) < LEAST_GROUPED or not possible:
        return ()
    listed = []
    for position, k in enumerate(possible):
        progress(f"measuring {k} segments", 0.1 + 0.7 * position / len(possible))
        listed.append(candidate(snapshot, before, k, seed=wanted.seed))
    best = chosen(listed, before=k_before)
    return tuple(replace(one, chosen=one is best) for one in listed)


def _micro_segments(snapshot: Snapshot, found: Found, seed: int) -> list[MicroSegments | None]:
    standardised, n = snapshot.transform.standardised(snapshot.values), len(snapshot.values)
    return [
        micro_segments(snapshot.feature_set, snapshot.transform, standardised[found.labels == at], of_all=n, seed=seed)
        for at in range(len(found.grouping))
    ]


def _micro_profiles(snapshot: Snapshot, mine: Labels, inner: MicroSegments | None) -> tuple[Profile, ...]:
    if inner is None:
        return ()
    k = len(inner.grouping)
    return tuple(profiles(snapshot.feature_set, snapshot.transform, snapshot.values[mine], inner.labels, k=k))


def _names(
    snapshot: Snapshot,
    described: Sequence[Profile],
    kept: Identity,
    wanted: SegmentationOptions,
    served: Candidate | None,
) -> list[str]:
    if served is None:
        return rule_names(described, snapshot.leading)
    avoided = tuple((wanted.renamed or {}).values())
    return names(described, leading=snapshot.leading, taken=kept.names, avoided=avoided)


def _segments(
    kept: Identity,
    called: Sequence[str],
    inner: Sequence[MicroSegments | None],
    micro_profiles: Sequence[Sequence[Profile]],
) -> tuple[SegmentDefinition, ...]:
    return tuple(
        _segment(number, name, one, described)
        for number, name, one, described in zip(kept.numbers, called, inner, micro_profiles, strict=True)
    )


def _segment(number: int, name: str, inner: MicroSegments | None, described: Sequence[Profile]) -> SegmentDefinition:
    named = SegmentRef(f"s{number}", name)
    if inner is None:
        return SegmentDefinition(named)
    micro = tuple(SegmentRef(f"s{number}.{at + 1}", called) for at, called in enumerate(micro_names(described)))
    return SegmentDefinition(named, micro, Grouping(inner.grouping.centres, inner.grouping.spread))


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
