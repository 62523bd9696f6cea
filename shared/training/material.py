"""What a run learns from: an account's pasts and the frames of one outcome, with their labels and splits."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.contracts.defaults import HORIZONS_NEEDED, LEAST_CONTACTS
from shared.contracts.outcome import Outcome, mistyped, nobody_has_value
from shared.contracts.rows import DAY, Microseconds, denies_profiling
from shared.errors import BadRequest, InsufficientData
from shared.features.feature import as_days
from shared.store import AccountStore
from shared.timeline import NEVER, ContactFacts, Pasts, build, build_times
from shared.timeline.pasts import (
    Frames,
    closed_frames,
    contact_counts,
    entry_at,
    flat_frames,
    line_counts,
    outcome_type,
)
from shared.values.words import event_names

SEED = 42
CLOSED_SHARES = (0.3, 0.2, 0.1, 0.05)
"""Shares of all frames that should be closed before anything is judged, the best first."""
LEAST_JUDGED = 0.15
"""Share of all frames that must be left to judge."""


@dataclass(frozen=True, slots=True)
class Split:
    """Rows to learn from and rows to be judged on."""

    train: NDArray[np.intp]
    test: NDArray[np.intp]
    hidden: tuple[int, ...] = ()
    """Columns that this split does not see: what could not be learned yet at that time."""


def forward_chain(
    cutoff: NDArray[np.int64],
    *,
    horizon: Microseconds,
    blocks: int = 5,
    known_at: NDArray[np.int64] | None = None,
) -> list[Split]:
    """Cut time into blocks; each is judged by what was known when it began.

    The first block begins as soon as a good share of all frames is closed, so that what is judged resembles
    what will be served; where the horizon is long against the data, a smaller share has to do.

    Args:
        cutoff: microseconds, shape (n,).
        horizon: length of the label window; a training frame's window ends before the test block begins.
        blocks: how many test blocks at most, equal in frames.
        known_at: when each frame's label was known, shape (n,); None: one horizon after its cutoff.

    Returns:
        Splits in time order; fewer where there are not enough distinct cutoffs; none where no frame is closed
        before another begins.
    """
    if not len(cutoff):
        return []
    judged = np.sort(cutoff[cutoff >= _first_start(cutoff, horizon)])
    if not len(judged):
        return []
    starts = np.unique(np.quantile(judged, np.arange(blocks) / blocks, method="higher"))
    ends = [*starts[1:], np.iinfo(np.int64).max]
    known = cutoff + horizon if known_at is None else known_at
    splits = []
    for start, end in zip(starts, ends, strict=True):
        train = np.flatnonzero(known <= start)
        test = np.flatnonzero((cutoff >= start) & (cutoff < end))
        if len(train) and len(test):
            splits.append(Split(train, test))
    return splits


def _first_start(cutoff: NDArray[np.int64], horizon: Microseconds) -> int:
    """Choose where judging begins: the largest share of closed frames that leaves enough frames to judge."""
    ordered = np.sort(cutoff)
    for share in CLOSED_SHARES:
        start = int(ordered[min(len(ordered) - 1, int(share * len(ordered)))]) + horizon
        if np.count_nonzero(cutoff >= start) >= LEAST_JUDGED * len(cutoff):
            return start
    return int(ordered[0]) + horizon


def stratified(label: NDArray[np.float64], *, folds: int = 5, seed: int = SEED) -> list[Split]:
    """Deal rows into folds with equal shares of positives, for flat data without times.

    Args:
        label: 0.0 or 1.0, shape (n,).
        folds: how many.
        seed: of the shuffle.
    """
    generator = np.random.default_rng(seed)
    fold = np.empty(len(label), dtype=np.int64)
    for kind in (0.0, 1.0):
        rows = np.flatnonzero(label == kind)
        fold[generator.permutation(rows)] = np.arange(len(rows)) % folds
    return [Split(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(folds)]


def contact_folds(
    owner: NDArray[np.int32], label: NDArray[np.float64], *, folds: int = 5, seed: int = SEED
) -> list[Split]:
    """Deal contacts into folds, so that no contact is on both sides, with equal shares of those ever positive.

    Args:
        owner: contact of each row, shape (n,).
        label: 0.0 or 1.0, shape (n,).
        folds: how many.
        seed: of the shuffle.
    """
    _, group = np.unique(owner, return_inverse=True)
    ever = (np.bincount(group, weights=label) > 0).astype(np.float64)
    dealt = np.empty(len(ever), dtype=np.int64)
    for fold, split in enumerate(stratified(ever, folds=folds, seed=seed)):
        dealt[split.test] = fold
    fold_of = dealt[group]
    return [Split(np.flatnonzero(fold_of != k), np.flatnonzero(fold_of == k)) for k in range(folds)]


CREATED_AT = "created_at"
NO_ORDER = "none"
LEAST_DATED = 0.95
"""Share of the rows that must say when they came."""
LEAST_DAYS = 10
"""Distinct days, without which an order is that of one import."""
_NOT_A_BEGINNING = re.compile(
    r"birth|\bdob\b|clos|\bend|\bwon\b|\blost\b|cancel|churn|\bdue\b|last|updat|modif|chang|expir|renew|next|"
    r"deliver|\bdeath|convert|geburt|letzt|ende"
)
_WORD_BREAK = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Order:
    """When each frame's row came, and what says so."""

    name: str
    """`created_at`, or an attribute."""
    at: NDArray[np.int64]
    """Microseconds, shape (n,); NEVER where a row does not say."""
    requested: bool
    """Whether somebody named it; otherwise it was found."""

    @property
    def attribute(self) -> str | None:
        """Return the attribute that gives the order; None for `created_at`."""
        return None if self.name == CREATED_AT else self.name


def order_of(pasts: Pasts, frames: Frames, *, excluded: str | None, requested: str | None = None) -> Order | None:
    """Find what gives the order in which the rows of a flat table came.

    Args:
        pasts: the contacts.
        frames: of the flat table.
        excluded: the outcome's own attribute.
        requested: `created_at`, an attribute, or `none`; None: `created_at` where nearly all contacts have one, else
            the one attribute that is a date for nearly all and whose name does not speak of an end or of a birthday.

    Returns:
        None where nothing gives an order, several things could, or none is wanted.

    Raises:
        BadRequest: what was requested is no date for nearly all rows, or all of one day.
    """
    if requested == NO_ORDER:
        return None
    if requested is not None:
        at = _times(pasts, frames, requested)
        if at is None or not _orders(at):
            raise BadRequest(
                f"The rows cannot be ordered by {requested}: at least {LEAST_DATED:.0%} must have a date there, "
                f"on {LEAST_DAYS} days or more. Name another column, or --order-by {NO_ORDER}."
            )
        return Order(requested, at, requested=True)
    created = _times(pasts, frames, CREATED_AT)
    if created is not None and _orders(created):
        return Order(CREATED_AT, created, requested=False)
    found = [
        (name, at)
        for name in sorted(pasts.attributes)
        if name != excluded and not _NOT_A_BEGINNING.search(" ".join(_WORD_BREAK.split(name)).lower())
        if (at := _times(pasts, frames, name)) is not None and _orders(at)
    ]
    return Order(*found[0], requested=False) if len(found) == 1 else None


def _times(pasts: Pasts, frames: Frames, name: str) -> NDArray[np.int64] | None:
    if name == CREATED_AT:
        return pasts.created_at[frames.contact]
    stored = pasts.attributes.get(name)
    if stored is None:
        return None
    entry = entry_at(stored, frames.contact, frames.cutoff)
    days = np.array([as_days(value) for value in stored.value], dtype=np.float64)
    known = (entry >= 0) & np.isfinite(days[entry])
    at = np.full(len(frames), NEVER, dtype=np.int64)
    at[known] = (days[entry[known]] * DAY).astype(np.int64)
    return at


def _orders(at: NDArray[np.int64]) -> bool:
    known = at[at < NEVER]
    return len(known) >= LEAST_DATED * len(at) and len(np.unique(known // DAY)) >= LEAST_DAYS


LEAST_POSITIVE = LEAST_NEGATIVE = LEAST_CONTACTS
"""Contacts of each kind without which nothing is trained."""
SHORTEST_HORIZON_DAYS = 7
"""A shorter horizon is not proposed."""
MOST_FRAMES = 300_000
ONE_MOMENT = (
    "All was asked at one moment: no later time could judge it, so that other contacts of the same day did (folds), "
    "and the grade is C at most. Another season or campaign may differ: train again when the next one is over."
)


@dataclass(frozen=True, slots=True)
class Material:
    """Frames ready to be turned into a matrix."""

    outcome: Outcome
    pasts: Pasts
    frames: Frames
    splits: tuple[Split, ...]
    until: Microseconds | None
    """The end of the data; None for flat data."""
    reached_by: tuple[str, ...]
    """Event types after which a contact has reached the outcome."""
    thinned_from: int
    """How many frames there were before sampling."""
    order: Order | None = None
    """Flat data: what gives the order of its rows, where something does."""

    @property
    def times(self) -> NDArray[np.int64] | None:
        """Return the instant by which rows follow each other, shape (n,); None where folds have to judge."""
        if self.one_moment:
            return None
        if not self.flat:
            return self.frames.cutoff
        return None if self.order is None else self.order.at

    @property
    def one_moment(self) -> bool:
        """Whether all frames are of one moment of a time that goes on."""
        return not self.flat and is_one_moment(self.frames)

    @property
    def flat(self) -> bool:
        """Return whether there are no times, only a column with the outcome."""
        return self.until is None


def scanned(store: AccountStore, *, with_events: bool = True, currency: str | None = None) -> Pasts:
    """Read the pasts of everybody who may be learned from: all but those who denied profiling.

    Args:
        store: the account's store.
        with_events: whether events are read too.
        currency: events whose values are in another one are left out; None: none are.
    """
    facts = _may_be_learned_from(*store.pasts.scan_facts())
    return build(list(facts), facts, store.pasts.scan_events(currency=currency) if with_events else ())


def scanned_for_frames(store: AccountStore, outcome: Outcome) -> Pasts:
    """Read of the same contacts only what the frames of an outcome are made of, at a small part of the cost.

    Frames, labels and refusals are those over `scanned`; there are no features in it.
    """
    if outcome.attribute is None:
        facts = _may_be_learned_from(*store.pasts.scan_facts(attributes=()))
        return build_times(list(facts), facts, store.events.scan_times())
    facts = _may_be_learned_from(*store.pasts.scan_facts(attributes=(outcome.attribute,)))
    pasts = build(list(facts), facts, ())
    if outcome.attribute in pasts.attributes:
        return pasts
    return scanned(store, with_events=False)  # the refusal names near attributes that somebody has


def _may_be_learned_from(ids: Sequence[str], facts: Mapping[str, ContactFacts]) -> dict[str, ContactFacts]:
    return {one: facts[one] for one in ids if not denies_profiling(facts[one].consent)}


def framed(
    outcome: Outcome, pasts: Pasts, *, now: Microseconds, most: int = MOST_FRAMES, order_by: str | None = None
) -> Material:
    """Frame one outcome.

    Args:
        outcome: an event within a horizon, or an attribute.
        pasts: of everybody who may be learned from.
        now: nothing after it exists.
        most: frames; of more, so many are drawn.
        order_by: what gives the order of the rows of flat data; see `order_of`.

    Raises:
        InsufficientData: fewer than 40 contacts with or without the outcome, or too short a time; in counts.
    """
    until: Microseconds | None = None
    if outcome.attribute:
        frames = flat_frames(outcome, pasts, now)
    else:
        until = min(now, int(pasts.at.max()) + 1) if len(pasts.at) else now
        frames = closed_frames(outcome, pasts, until=until)
    require_enough(outcome, frames, pasts)
    all_frames = len(frames)
    if all_frames > most:
        frames = frames.take(np.sort(np.random.default_rng(SEED).permutation(all_frames)[:most]))
    order = order_of(pasts, frames, excluded=outcome.attribute, requested=order_by) if until is None else None
    splits: tuple[Split, ...] | None
    if until is not None:
        one_moment = is_one_moment(frames)
        splits = (
            tuple(contact_folds(frames.contact, frames.label)) if one_moment else splits_in_time(outcome, frames, pasts)
        )
    else:
        splits = _flat_splits(frames, order)
    if splits is None:
        order, splits = None, tuple(stratified(frames.label))
    code = outcome_type(outcome, pasts) if outcome.event_types else -1
    reached_by = () if outcome.repeatable or code < 0 else (pasts.types[code],)
    return Material(outcome, pasts, frames, splits, until, reached_by, all_frames, order)


def is_one_moment(frames: Frames) -> bool:
    """Whether all frames are of one day, as of one campaign: nothing later can judge it, folds of contacts do."""
    return bool(len(frames)) and int(frames.cutoff.max() - frames.cutoff.min()) < DAY


def require_enough(outcome: Outcome, frames: Frames, pasts: Pasts) -> None:
    """Refuse to train on too few contacts of either kind.

    Raises:
        InsufficientData: with the counts and the minimum.
    """
    counts = contact_counts(frames)
    if counts["with_outcome"] < LEAST_POSITIVE or counts["without_outcome"] < LEAST_NEGATIVE:
        unknown = mistyped(outcome, attributes=pasts.attributes, types=pasts.types)
        held = pasts.attributes.get(outcome.attribute or "")
        unknown = unknown or ("" if held is None else nobody_has_value(outcome, held.value))
        lasted = _days_of(pasts)
        if unknown:
            way = "Define it anew with the right name or value, or import what it needs."
        elif not len(frames) and not outcome.attribute and 0 < lasted < 2 * outcome.horizon_days:
            way = f"The data lasts {lasted} days, so that no horizon of {outcome.horizon_days} days is over. "
            way += _way_out(outcome, lasted)
        else:
            way = "Import more contacts and events, or define the outcome more widely."
        raise InsufficientData(
            f"Outcome {outcome.name}: {unknown}{' ' if unknown else ''}"
            f"{counts['with_outcome']} contacts reached it and {counts['without_outcome']} did "
            f"not; {LEAST_POSITIVE} and {LEAST_NEGATIVE} are needed. {way}",
            **counts,
            needed_with_outcome=LEAST_POSITIVE,
            needed_without_outcome=LEAST_NEGATIVE,
        )


def _days_of(pasts: Pasts) -> int:
    return int((pasts.at.max() - pasts.at.min()) // DAY) if len(pasts.at) else 0


def order_notes(stuff: Material) -> list[str]:
    """Say by what the rows of a flat table were ordered, or that all are of one moment."""
    if stuff.one_moment:
        return [ONE_MOMENT]
    if stuff.order is None:
        return []
    missing = int(np.count_nonzero(stuff.order.at >= NEVER))
    how = "as asked" if stuff.order.requested else "found; another with --order-by COLUMN, none with --order-by none"
    return [
        f"The rows were judged in the order of {stuff.order.name} ({how}); it is not a feature."
        + (f" {missing} rows have none and were learned from last." if missing else "")
    ]


def line_notes(pasts: Pasts) -> list[str]:
    """Say how many lines are how many orders, where some have several: features count the orders.

    Args:
        pasts: of who is learned from.
    """
    return [
        f"Some {event_names(count.type)} have several lines: the {count.lines:,} {count.type} learned from are "
        f"{count.orders:,} {event_names(count.type)}, which count whole; items count line by line."
        for count in line_counts(pasts)
    ]


def splits_in_time(outcome: Outcome, frames: Frames, pasts: Pasts) -> tuple[Split, ...]:
    """Cut time into blocks that have something to learn from, of both kinds."""
    splits = forward_chain(frames.cutoff, horizon=outcome.horizon_days * DAY)
    usable = tuple(split for split in splits if 0 < frames.label[split.train].sum() < len(split.train))
    if not usable:
        raise nothing_to_judge(outcome, frames, pasts)
    return usable


def nothing_to_judge(outcome: Outcome, frames: Frames, pasts: Pasts) -> InsufficientData:
    """Return the refusal of a past that leaves no block of time to be judged on.

    Args:
        outcome: what is predicted.
        frames: those whose horizon is over, one at least.
        pasts: of who is learned from.
    """
    days = int((frames.cutoff.max() - frames.cutoff.min()) // DAY)
    return InsufficientData(
        f"Outcome {outcome.name}: the cases that are over span {days} days; with a horizon of "
        f"{outcome.horizon_days} days that leaves nothing to be judged on. {_way_out(outcome, _days_of(pasts))}",
        span_days=days,
        horizon_days=outcome.horizon_days,
    )


def _way_out(outcome: Outcome, lasted: int) -> str:
    """Say what would help where the data is too short to be judged over time: never what cannot."""
    wait = "Import a longer past, or wait for more data"
    shorter = min(lasted // HORIZONS_NEEDED, outcome.horizon_days - 1)
    if shorter >= SHORTEST_HORIZON_DAYS:
        option = "--for" if outcome.silence else "--within"
        return f"{wait}; or ask about a horizon that {lasted} days can judge: {option} {shorter}d or less."
    return (
        f"{wait}. If there is no more, as after one campaign or in one export, say in a column of the contacts who "
        f"reached it, and define it so: foretell outcomes set {outcome.name} --capability {outcome.capability} "
        "--attribute COLUMN."
    )


def _flat_splits(frames: Frames, order: Order | None) -> tuple[Split, ...] | None:
    """Chain the rows of a flat table in their order; None where nothing orders them, or no block could be judged."""
    if order is None:
        return None
    dated = np.flatnonzero(order.at < NEVER)
    chain = [Split(dated[one.train], dated[one.test]) for one in forward_chain(order.at[dated], horizon=1)]
    usable = tuple(one for one in chain if 0 < frames.label[one.train].sum() < len(one.train))
    return usable if len(usable) > 2 else None


def digest_of_data(matrix: NDArray[np.float64], labels: NDArray[np.float64], cutoff: NDArray[np.int64]) -> str:
    """Fingerprint what was learned from, so that two runs can be compared."""
    digest = hashlib.sha256()
    for part in (matrix, labels, cutoff):
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()
