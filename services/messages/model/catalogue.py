"""The messages of an account, compiled once a revision: who is eligible, and what caps and pauses leave open. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.messages.model.policy import MessageTraits
from shared.contracts.decision import RecentDecision
from shared.contracts.message_variant import BandRule, MessageVariant
from shared.contracts.outcome import written
from shared.contracts.rows import DAY, HOUR, Microseconds, instant_of
from shared.timeline import ContactPasts
from shared.timeline.pasts import entry_at
from shared.values.words import is_missing, same_name_key, same_value_key

Mask = NDArray[np.bool_]
WEEK = 7 * DAY
NONE = -1
"""Code of no message."""


class LatestGroup(NamedTuple):
    """Where a contact's latest prediction has put it."""

    capability: str
    outcome: str
    band: str | None
    segment: str | None


LatestGroups = Mapping[str, Sequence[LatestGroup]]
"""By contact id; who was never asked about is missing."""
Recent = Mapping[str, Sequence[RecentDecision]]
"""By contact id what it got lately, the oldest first; who is not decided for is missing."""


@dataclass(frozen=True)
class Catalogue:
    """What may be chosen."""

    variants: tuple[MessageVariant, ...] = ()
    salt: str = ""
    """Says who is of the control group; empty: nobody, for there never was a message."""
    revision: Microseconds = 0
    code_of: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, variants: Iterable[MessageVariant], *, salt: str = "", revision: Microseconds = 0) -> "Catalogue":
        """Compile messages."""
        ordered = tuple(sorted(variants, key=lambda one: one.id))
        return cls(ordered, salt, revision, {one.id: code for code, one in enumerate(ordered)})

    def __len__(self) -> int:
        """Count the messages."""
        return len(self.variants)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """List the messages."""
        return tuple(one.id for one in self.variants)

    @cached_property
    def traits(self) -> tuple[MessageTraits, ...]:
        """Return what a policy looks at."""
        return tuple(MessageTraits(one.id, dict(one.attributes)) for one in self.variants)

    def name(self, code: int) -> str:
        """Return what people call a message."""
        return self.variants[code].name or self.variants[code].id

    def running(self, at: Microseconds) -> Mask:
        """Return which messages may be chosen at an instant, whoever gets them, shape (messages,)."""
        instant = instant_of(at)
        return np.array([one.runs_at(instant) for one in self.variants], dtype=bool)

    @cached_property
    def needs_groups(self) -> bool:
        """Whether segments or bands say who is eligible for any of them."""
        return any(one.eligible.segments or one.eligible.bands for one in self.variants)

    @cached_property
    def band_rules(self) -> tuple[BandRule, ...]:
        """List all rules of bands."""
        return tuple(rule for one in self.variants for rule in one.eligible.bands)

    @cached_property
    def _wanted_values(self) -> Mapping[str, Sequence[tuple[int, frozenset[str]]]]:
        """Return by attribute which messages ask for which of its values."""
        found: dict[str, list[tuple[int, frozenset[str]]]] = {}
        for code, one in enumerate(self.variants):
            for name, values in one.eligible.attributes.items():
                keys = frozenset(same_value_key(written(value)) for value in values)
                found.setdefault(name, []).append((code, keys))
        return found

    def by_attributes(self, pasts: ContactPasts, cutoffs: NDArray[np.int64]) -> Mask:
        """Return for which messages the attributes of contacts speak, shape (contacts, messages)."""
        found = np.ones((len(pasts), len(self)), dtype=bool)
        for name, wanted in self._wanted_values.items():
            keys = held_keys(pasts, cutoffs, name)
            for code, values in wanted:
                found[:, code] &= np.array([key in values for key in keys], dtype=bool)
        return found

    def by_groups(self, contact_ids: Sequence[str], groups: LatestGroups, defaults: Mapping[str, str]) -> Mask:
        """Return for which messages segments and bands of contacts speak, shape (contacts, messages).

        Args:
            contact_ids: in the order of the rows.
            groups: of these contacts.
            defaults: by capability, the outcome that a rule means that names none.
        """
        found = np.ones((len(contact_ids), len(self)), dtype=bool)
        listed = [groups.get(one, ()) for one in contact_ids]
        for code, one in enumerate(self.variants):
            segments = frozenset(one.eligible.segments)
            if segments:
                found[:, code] &= [any(place.segment in segments for place in mine) for mine in listed]
            for rule in one.eligible.bands:
                question = (rule.capability, rule.outcome or defaults.get(rule.capability, ""))
                bands = frozenset(rule.bands)
                found[:, code] &= [
                    any((place.capability, place.outcome) == question and place.band in bands for place in mine)
                    for mine in listed
                ]
        return found

    def reach(self, contact_cap: int | None) -> Microseconds:
        """Return how far back caps and pauses look; 0: not at all."""
        capped = contact_cap is not None or any(one.cap_per_week is not None for one in self.variants)
        pauses = [round(one.cooldown_hours * HOUR) for one in self.variants if one.cooldown_hours is not None]
        return max([WEEK if capped else 0, *pauses])

    def as_if_sent(self, contact_ids: Sequence[str], recent: Recent, *, eligible: Mask, held_back: Mask) -> Recent:
        """Let what was held back count as sent, for those of whom it is compared with what was.

        Otherwise they would be asked about when others are capped, and had more decisions to share their events among.

        Args:
            contact_ids: in the order of the rows.
            recent: what they got lately.
            eligible: what is for them, shape (contacts, messages).
            held_back: who is of the control group, shape (contacts,); of others nothing is no send.
        """
        found = dict(recent)
        for row, name in enumerate(contact_ids):
            mine = recent.get(name, ())
            if all(one.message_id is not None for one in mine):
                continue
            sent = [one for one in mine if one.message_id is not None or held_back[row]]
            codes = np.flatnonzero(eligible[row])
            limited = bool((np.isfinite(self._caps[codes]) | (self._pauses[codes] > 0)).all())
            found[name] = self._in_turn(sent, codes) if limited else sent
        return found

    def _in_turn(self, sent: Sequence[RecentDecision], codes: NDArray[np.intp]) -> Sequence[RecentDecision]:
        """Put an open message in place of each nothing: the one that was taken longest ago."""
        last, found = np.zeros(len(self) + 1, dtype=np.int64), list[RecentDecision]()
        for one in sent:
            if one.message_id is None:
                week = [each.message_id for each in found if each.decided_at > one.decided_at - WEEK]
                taken = np.array([self.code_of.get(each or "", len(self)) for each in week], dtype=np.intp)
                times = np.bincount(taken, minlength=len(self) + 1)[:NONE]
                open_ = codes[((times < self._caps) & (last[:NONE] <= one.decided_at - self._pauses))[codes]]
                if len(open_):
                    one = one._replace(message_id=self.ids[open_[last[open_].argmin()]])
            last[self.code_of.get(one.message_id or "", NONE)] = one.decided_at
            found.append(one)
        return found

    def blocked(
        self, contact_ids: Sequence[str], recent: Recent, *, at: Microseconds, contact_cap: int | None
    ) -> Mask | None:
        """Return which messages caps and pauses keep from contacts, shape (contacts, messages); None: none at all.

        Args:
            contact_ids: in the order of the rows.
            recent: what they got lately.
            at: now.
            contact_cap: messages a contact gets within a week; parts of one message count once.
        """
        if not recent or not self.reach(contact_cap):
            return None
        pairs = [(row, one) for row, name in enumerate(contact_ids) for one in recent.get(name, ())]
        if not pairs:
            return None
        row = np.array([row for row, _ in pairs], dtype=np.intp)
        code = np.array([self.code_of.get(one.message_id or "", NONE) for _, one in pairs], dtype=np.intp)
        decided = np.array([one.decided_at for _, one in pairs], dtype=np.int64)
        lately, known = decided > at - WEEK, code >= 0
        shape = (len(contact_ids), len(self))
        counted = lately & known
        times = np.bincount(row[counted] * shape[1] + code[counted], minlength=shape[0] * shape[1]).reshape(shape)
        found: Mask = times >= self._caps
        pausing = known & (decided > at - self._pauses[np.maximum(code, 0)])
        found[row[pausing], code[pausing]] = True
        if contact_cap is not None:
            sends = np.unique(np.column_stack([row[lately], decided[lately]]), axis=0)[:, 0]
            found[np.bincount(sends.astype(np.intp), minlength=shape[0]) >= contact_cap] = True
        return found if found.any() else None

    @cached_property
    def _caps(self) -> NDArray[np.float64]:
        """Return how often a contact gets each message a week, shape (messages,)."""
        return np.array([np.inf if one.cap_per_week is None else one.cap_per_week for one in self.variants])

    @cached_property
    def _pauses(self) -> NDArray[np.int64]:
        """Return how long each message pauses, shape (messages,); 0: not at all."""
        return np.array([round((one.cooldown_hours or 0.0) * HOUR) for one in self.variants], dtype=np.int64)


def held_keys(pasts: ContactPasts, cutoffs: NDArray[np.int64], name: str) -> list[str | None]:
    """Return the value of an attribute that each contact has, in the form that equal values share; None: it has none.

    Names that differ in case, space and marks are one, as everywhere. Of several that are filled in the name itself
    counts, else the last one.
    """
    wanted = same_name_key(name)
    if pasts.are_few:
        return [
            _key_in(past.attributes_at(int(at)), name, wanted)
            for past, at in zip(pasts.one_by_one, cutoffs, strict=True)
        ]
    columns = pasts.columns.attributes
    found: list[str | None] = [None] * len(pasts)
    contact = np.arange(len(pasts), dtype=np.int32)
    for spelled in sorted((one for one in columns if same_name_key(one) == wanted), key=lambda one: one == name):
        stored = columns[spelled]
        entry = entry_at(stored, contact, cutoffs)
        for row in np.flatnonzero(entry >= 0).tolist():
            value = stored.value[entry[row]]
            if not is_missing(value):
                found[row] = same_value_key(written(value))
    return found


def _key_in(held: Mapping[str, Any], name: str, wanted: str) -> str | None:
    value = held.get(name)
    if is_missing(value):
        filled = [spelled for spelled, one in held.items() if same_name_key(spelled) == wanted and not is_missing(one)]
        value = held[max(filled)] if filled else None
    return None if is_missing(value) else same_value_key(written(value))
