"""When a version's prediction is over and whether it came true: by the rules of the frames that it learned from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shared.contracts.outcome import STARTED, Flag, Outcome, chosen
from shared.contracts.rows import DAY, Microseconds
from shared.store import AccountStore, VersionRow
from shared.timeline import ContactFacts, EventTimes, Pasts, build_times
from shared.timeline.pasts import labels_of, of_type
from shared.timeline.risk import ended_before

Labels = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class OutcomeRule:
    """What a version predicts."""

    horizon: Microseconds
    ends: tuple[str, ...] = ()
    """Event types any of which is the outcome, or, for a silence, the activity that is waited for."""
    begins: tuple[str, ...] = ()
    """Types that open the rule again."""
    is_silence: bool = False
    repeatable: bool = False
    flag: Flag | None = None
    """The attribute that says whether the outcome was reached; None: events do."""
    since: Microseconds = 0
    """What happened before it the version learned from: only later cutoffs put it to the test."""

    @property
    def types(self) -> tuple[str, ...]:
        """List the event types that decide."""
        return self.ends + self.begins

    def closed(self, cutoff: NDArray[np.int64], until: Microseconds) -> NDArray[np.bool_]:
        """Return which predictions are over when all is known until an instant, shape (n,); none by an attribute."""
        if self.flag is not None:
            return np.zeros(len(cutoff), dtype=bool)
        over: NDArray[np.bool_] = cutoff + self.horizon <= until
        return over

    def labels(self, pasts: Pasts, contact: NDArray[np.int32], cutoff: NDArray[np.int64]) -> Labels:
        """Label predictions as frames of training: 1.0 or 0.0, shape (n,); NaN: it had come before the cutoff.

        Args:
            pasts: of their contacts, with the events of `types` at least.
            contact: row of each, shape (n,).
            cutoff: microseconds, shape (n,).
        """
        codes = [code for name in self.ends if (code := pasts.type_code(name)) >= 0] or [-1]
        reached = of_type(pasts, *codes)
        if self.is_silence:
            return 1.0 - labels_of(reached, contact, cutoff, self.horizon, repeatable=True)
        if not self.begins:
            return labels_of(reached, contact, cutoff, self.horizon, repeatable=self.repeatable)
        came = labels_of(reached, contact, cutoff, self.horizon, repeatable=True)
        return np.where(ended_before(pasts, self.ends, self.begins, contact, cutoff), np.nan, came)

    def stated(self, facts: Sequence[ContactFacts | None], cutoff: Sequence[Microseconds]) -> tuple[Labels, Labels]:
        """Read from an attribute what became of predictions, shape (n,) each.

        Returns:
            1.0 where the newest value from the cutoff on says yes, 0.0 where it says no, else NaN: nobody knows
            yet; and 1.0 where the attribute had said yes before the cutoff, else 0.0.
        """
        flag = self.flag or Flag("", None)
        after, before = np.full(len(cutoff), np.nan), np.zeros(len(cutoff))
        for row, (one, at) in enumerate(zip(facts, cutoff, strict=True)):
            mine = [value for value in (one.attributes if one else ()) if value.name == flag.attribute]
            newest = max((value for value in mine if value.valid_from >= at), key=_since, default=None)
            answer = None if newest is None else flag.reached(newest.value)
            after[row] = np.nan if answer is None else float(answer)
            before[row] = float(not self.repeatable and flag.holds([one for one in mine if one.valid_from < at]))
        return after, before


def _since(value: object) -> Microseconds:
    return getattr(value, "valid_from", 0)


def pasts_of(contact_ids: Sequence[str], events: Sequence[EventTimes]) -> Pasts:
    """Build what labels are made of."""
    return build_times(contact_ids, {one: ContactFacts() for one in contact_ids}, [events])


def outcome_rules_of(store: AccountStore, defined: Outcome, versions: Sequence[VersionRow]) -> dict[str, OutcomeRule]:
    """Return what each version of a model predicts, and under "" what the outcome means by now.

    Args:
        store: of the account.
        defined: the outcome as it is defined now; versions of before releases that kept theirs are judged by it.
        versions: of one model.
    """
    kept = {row.version: _kept(row, defined) for row in versions}
    needs_types = any(one.is_automatic or len(one.event_types) > 1 for one in (*kept.values(), defined))
    counts = {one.type: (one.events, one.with_value) for one in store.events.types()} if needs_types else {}
    found = {
        row.version: replace(_question(kept[row.version], row, counts), since=_learned_until(row)) for row in versions
    }
    return {"": _question(defined, None, counts), **found}


def _kept(row: VersionRow, defined: Outcome) -> Outcome:
    stored = row.report.get("outcome")
    return defined if stored is None else Outcome.model_validate(stored)


def _learned_until(row: VersionRow) -> Microseconds:
    until: Microseconds | None = row.report.get("trained_until")
    return row.trained_at if until is None else until


def _question(outcome: Outcome, row: VersionRow | None, counts: Mapping[str, tuple[int, int]]) -> OutcomeRule:
    outcome = chosen(outcome, counts)
    days = outcome.horizon_days if row is None or row.horizon_days is None else row.horizon_days
    horizon = days * DAY
    if outcome.attribute:
        return OutcomeRule(horizon, repeatable=outcome.repeatable, flag=Flag(outcome.attribute, outcome.positive))
    if outcome.silence or outcome.is_automatic:
        return OutcomeRule(horizon, outcome.silence, is_silence=True)
    known = tuple(row.report.get("reached_by", ())) if row is not None else ()
    ends = known or next(((name,) for name in outcome.event_types if name in counts), outcome.event_types[:1])
    begins = STARTED if outcome.capability == "churn" else ()
    return OutcomeRule(horizon, ends, begins, repeatable=outcome.repeatable)
