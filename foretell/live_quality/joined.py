"""Logged predictions joined to what happened afterwards: the first of each contact, week and version, as columns."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from foretell.live_quality.outcome_rules import OutcomeRule, pasts_of
from foretell.live_quality.weeks import week_of
from shared.contracts.rows import Microseconds
from shared.store import AccountStore, LoggedProbability

MOST_ROWS = 200_000
"""Predictions held at once, half of them of contacts with the outcome; beyond, contacts are sampled and weighted."""
Vector = NDArray[np.float64]


def unit_of(contact_id: str) -> float:
    """Return a contact's own number from 0 to 1, always the same: who is sampled hangs on nothing else."""
    return int.from_bytes(blake2b(contact_id.encode(), digest_size=8).digest()) / 2.0**64


@dataclass(frozen=True, slots=True)
class Rows:
    """Predictions that are over; all columns have shape (n,)."""

    owner: NDArray[np.int64]
    """Number of the contact."""
    week: NDArray[np.int64]
    version: NDArray[np.int64]
    """Index into `Joined.versions`."""
    probability: Vector
    label: Vector
    weight: Vector
    """How many contacts each one's contact stands for."""

    def __len__(self) -> int:
        """Count the predictions."""
        return len(self.owner)

    def take(self, rows: NDArray[np.bool_]) -> "Rows":
        """Keep some of them."""
        return Rows(
            self.owner[rows],
            self.week[rows],
            self.version[rows],
            self.probability[rows],
            self.label[rows],
            self.weight[rows],
        )


@dataclass(slots=True)
class Joined:
    """All predictions of a model, joined."""

    rows: Rows
    versions: tuple[str, ...]
    open: Counter[str] = field(default_factory=Counter)
    """By version: predictions of which nobody knows yet whether they come true."""
    next_closes: dict[str, Microseconds] = field(default_factory=dict)
    """By version: when the next of them is over; missing where an attribute decides."""
    left_out: Counter[str] = field(default_factory=Counter)


def joined(
    store: AccountStore,
    model: tuple[str, str],
    rules: Mapping[str, OutcomeRule],
    *,
    since: Microseconds,
    until: Microseconds,
    now: Microseconds,
    most: int = MOST_ROWS,
) -> Joined:
    """Read a model's logged predictions, and what became of them.

    Of several predictions of one contact in one week by one version only the first counts, so that a page that asks
    often does not weigh more.

    Args:
        store: of the account.
        model: capability and outcome.
        rules: by version; under "" for versions that are not in the catalogue any more.
        since: earlier cutoffs are left out.
        until: what happened before it is known.
        now: holdouts may be over by then.
        most: predictions held at once.
    """
    reader = _Reader(store, rules, until, _Sample(most))
    for part in store.models.quality.logged_predictions(*model, since=since, at=now):
        reader.add(part)
    found = reader.found
    found.rows, found.versions = reader.sample.rows(), tuple(reader.versions)
    return found


_NO_NUMBERS, _NO_FLOATS = np.empty(0, np.int64), np.empty(0)
_NOTHING = Rows(_NO_NUMBERS, _NO_NUMBERS, _NO_NUMBERS, _NO_FLOATS, _NO_FLOATS, _NO_FLOATS)


@dataclass(slots=True)
class _Reader:
    """Joins one part of the log after the other."""

    store: AccountStore
    rules: Mapping[str, OutcomeRule]
    until: Microseconds
    sample: "_Sample"
    versions: dict[str, int] = field(default_factory=dict)
    found: Joined = field(default_factory=lambda: Joined(_NOTHING, ()))

    def add(self, part: Sequence[LoggedProbability]) -> None:
        """Join all predictions of some contacts."""
        first = self._first(part)
        ids = list(dict.fromkeys(one.contact_id for one in first))
        known = self.store.contacts.known(ids)
        self.found.left_out["not_stored"] += sum(1 for one in first if one.contact_id not in known)
        kept = [one for one in first if one.contact_id in known]
        labels = self._labels(kept)
        self.sample.add(
            [one.contact_id for one in kept],
            np.array([week_of(one.cutoff) for one in kept], dtype=np.int64),
            np.array([self.versions.setdefault(one.version, len(self.versions)) for one in kept], dtype=np.int64),
            np.array([one.probability for one in kept], dtype=np.float64),
            labels,
        )

    def _first(self, part: Sequence[LoggedProbability]) -> list[LoggedProbability]:
        """Keep those with a probability, the first of each contact, week and version."""
        chosen: dict[tuple[str, int, str], LoggedProbability] = {}
        without = 0
        for one in part:
            if one.probability is None:
                without += 1
            else:
                chosen.setdefault((one.contact_id, week_of(one.cutoff), one.version), one)
        self.found.left_out["without_probability"] += without
        self.found.left_out["repeated"] += len(part) - without - len(chosen)
        return list(chosen.values())

    def _labels(self, kept: Sequence[LoggedProbability]) -> Vector:
        """Label predictions; NaN for those that are still open, or were never asked rightly."""
        labels = np.full(len(kept), np.nan)
        by_version: dict[str, list[int]] = {}
        for row, one in enumerate(kept):
            by_version.setdefault(one.version, []).append(row)
        ids = sorted({one.contact_id for one in kept})
        place = {contact_id: row for row, contact_id in enumerate(ids)}
        rules = {version: self.rules.get(version, self.rules[""]) for version in by_version}
        types = {name for rule in rules.values() for name in rule.types}
        pasts = pasts_of(ids, self.store.events.times_of(ids, types) if types else [])
        for version, rows in by_version.items():
            rule = rules[version]
            rows = self._tested(rows, kept, rule)
            cutoff = np.array([kept[row].cutoff for row in rows], dtype=np.int64)
            if rule.flag is not None:
                labels[rows] = self._stated(version, rule, [kept[row] for row in rows])
                continue
            contact = np.array([place[kept[row].contact_id] for row in rows], dtype=np.int32)
            found = rule.labels(pasts, contact, cutoff)
            closed, is_fresh = rule.closed(cutoff, self.until), ~np.isnan(found)
            self.found.left_out["reached_before"] += int((~is_fresh).sum())
            self._wait(version, cutoff[~closed & is_fresh] + rule.horizon)
            labels[rows] = np.where(closed, found, np.nan)
        return labels

    def _tested(self, rows: list[int], kept: Sequence[LoggedProbability], rule: OutcomeRule) -> list[int]:
        """Leave out what was asked of a time that the version had learned from: that would be no test."""
        tested = [row for row in rows if kept[row].cutoff >= rule.since]
        self.found.left_out["learned_from"] += len(rows) - len(tested)
        return tested

    def _stated(self, version: str, rule: OutcomeRule, kept: Sequence[LoggedProbability]) -> Vector:
        facts = self.store.models.quality.facts(sorted({one.contact_id for one in kept}))
        of_rows = [facts.get(one.contact_id) for one in kept]
        after, before = rule.stated(of_rows, [one.cutoff for one in kept])
        self.found.left_out["reached_before"] += int(before.sum())
        self.found.open[version] += int((np.isnan(after) & (before == 0)).sum())
        return np.where(before == 1, np.nan, after)

    def _wait(self, version: str, ends: NDArray[np.int64]) -> None:
        self.found.open[version] += len(ends)
        if len(ends):
            soonest = int(ends.min())
            self.found.next_closes[version] = min(soonest, self.found.next_closes.get(version, soonest))


@dataclass(slots=True)
class _Sample:
    """Predictions that are over, of all contacts as long as there is room, then of a stable share of them.

    Contacts with the outcome and contacts without it are thinned apart, so that few positives are all kept.
    """

    most: int
    contacts: int = 0
    halvings: list[int] = field(default_factory=lambda: [0, 0])
    """How often the contacts without and with the outcome were halved."""
    parts: list[tuple[NDArray[np.float64], Rows]] = field(default_factory=list)
    """Each contact's own number beside its rows; the weight is 1.0 where the contact reached the outcome, else 0.0."""

    def add(
        self,
        contact_ids: Sequence[str],
        week: NDArray[np.int64],
        version: NDArray[np.int64],
        probability: Vector,
        label: Vector,
    ) -> None:
        """Take rows of whole contacts; those without a label are not over."""
        closed = ~np.isnan(label)
        if not closed.any():
            return
        names = [name for name, over in zip(contact_ids, closed.tolist(), strict=True) if over]
        number = {name: self.contacts + row for row, name in enumerate(dict.fromkeys(names))}
        self.contacts += len(number)
        owner = np.array([number[name] for name in names], dtype=np.int64)
        unit = {name: unit_of(name) for name in number}
        reached = np.bincount(owner - owner.min(), weights=label[closed]) > 0
        with_outcome = reached[owner - owner.min()].astype(np.float64)
        rows = Rows(owner, week[closed], version[closed], probability[closed], label[closed], with_outcome)
        self.parts.append(_thinned(np.array([unit[name] for name in names]), rows, self.halvings))
        self._fit()

    def _fit(self) -> None:
        while self._size() > self.most:
            held = [sum(int((rows.weight == kind).sum()) for _, rows in self.parts) for kind in (0.0, 1.0)]
            self.halvings[int(held[1] > held[0])] += 1
            self.parts = [_thinned(unit, rows, self.halvings) for unit, rows in self.parts]

    def _size(self) -> int:
        return sum(len(rows) for _, rows in self.parts)

    def rows(self) -> Rows:
        """Return what was kept, weighted."""
        if not self.parts:
            return _NOTHING
        parts = [rows for _, rows in self.parts]
        weights = np.array([2.0**times for times in self.halvings])
        return Rows(
            np.concatenate([one.owner for one in parts]),
            np.concatenate([one.week for one in parts]),
            np.concatenate([one.version for one in parts]),
            np.concatenate([one.probability for one in parts]),
            np.concatenate([one.label for one in parts]),
            weights[np.concatenate([one.weight for one in parts]).astype(np.intp)],
        )


def _thinned(unit: Vector, rows: Rows, halvings: Sequence[int]) -> tuple[Vector, Rows]:
    limit = np.array([0.5**times for times in halvings])[rows.weight.astype(np.intp)]
    kept = unit < limit
    return unit[kept], rows.take(kept)
