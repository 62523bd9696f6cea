"""Where an experiment is read: a holdout, decisions about messages, a send plan, imported events, an attribute."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np

from services.uplift.training.assignments import (
    HOW_TO_START,
    NO_TREATMENT,
    ArmAssignments,
    assigned,
    chances_of,
    of_holdout,
)
from shared.contracts.decision import DecisionRow
from shared.contracts.outcome import no_contact_has, written
from shared.contracts.rows import DAY, Microseconds
from shared.errors import BadRequest, InsufficientData
from shared.store import AccountStore
from shared.timeline import Pasts
from shared.timeline.pasts import entry_at

DEFAULT_EVENT = "treatment_assigned"
WEEK: Final = 7 * DAY
SOURCES = "holdout:NAME, messages, sendtime:CAMPAIGN, event:TYPE or attribute:NAME"


class Source(NamedTuple):
    """Which experiment is read."""

    kind: str
    name: str

    @classmethod
    def of(cls, text: str) -> "Source":
        """Read `kind:name`.

        Raises:
            BadRequest: it is no known source, or lacks its name.

        >>> Source.of("event:treatment_assigned")
        Source(kind='event', name='treatment_assigned')
        """
        kind, _, name = text.strip().partition(":")
        if kind not in ("holdout", "messages", "sendtime", "event", "attribute"):
            raise BadRequest(f"No such experiment: give {SOURCES}.")
        if not name and kind not in ("messages", "event"):
            raise BadRequest(f"Which one? Give {kind}:NAME.")
        return cls(kind, name or (DEFAULT_EVENT if kind == "event" else ""))

    @property
    def event_type(self) -> str | None:
        """Return the type of the events that assign; None where others do."""
        return self.name.partition("/")[0] if self.kind == "event" else None

    @property
    def attribute(self) -> str | None:
        """Return the attribute that assigns; None where something else does."""
        return self.name if self.kind == "attribute" else None


class Wanted(NamedTuple):
    """What is wanted of a source."""

    source: Source
    control: str | None
    propensity: str | None
    """An attribute with the chances."""
    outcome: str
    is_flat: bool
    """Whether the outcome is a column without times."""


def read_experiment(store: AccountStore, pasts: Pasts, wanted: Wanted, *, until: Microseconds) -> ArmAssignments:
    """Read an experiment.

    Args:
        store: of the account.
        pasts: of everybody who may be learned from.
        wanted: which one.
        until: the end of the data.

    Raises:
        BadRequest: there is no such experiment, or its control is not known.
        InsufficientData: it has no control.
    """
    source = wanted.source
    if wanted.is_flat and source.kind != "attribute":
        raise BadRequest(
            "The outcome is a column without times, so that nothing says what came after an assignment: give the arms "
            "in a column too (attribute:NAME), or define the outcome by an event."
        )
    if source.kind == "holdout":
        return _of_holdout(store, pasts, source.name, until)
    if source.kind == "sendtime":
        return _of_send_plan(store, pasts, source.name)
    if source.kind == "messages":
        return _of_messages(store, pasts, wanted, until)
    if source.kind == "event":
        return of_events(pasts, source.name, control=wanted.control)
    return of_attribute(
        pasts, source.name, control=wanted.control, propensity=wanted.propensity, now=until, is_flat=wanted.is_flat
    )


def _of_holdout(store: AccountStore, pasts: Pasts, name: str, until: Microseconds) -> ArmAssignments:
    found = store.experiments.holdouts.find(name)
    if found is None:
        raise BadRequest(f"There is no holdout {name}. {HOW_TO_START}")
    end = min(at for at in (until, found.until, found.released_at) if at is not None)
    return of_holdout(pasts, found, end)


def _of_send_plan(store: AccountStore, pasts: Pasts, campaign: str) -> ArmAssignments:
    """Compare who was sent at the chosen hour with control, who was sent at the usual one; explorers are neither."""
    rows = [row for row in store.experiments.assignments.of_campaign(campaign) if row.arm != "exploration"]
    place = {name: number for number, name in enumerate(pasts.contact_ids)}
    known = [row for row in rows if row.contact_id in place]
    return assigned(
        [place[row.contact_id] for row in known],
        [row.assigned_at for row in known],
        [row.arm for row in known],
        None,  # the logged chance is that of the hour, not of the arm
        control="control" if known else None,
    )


def _of_messages(store: AccountStore, pasts: Pasts, wanted: Wanted, until: Microseconds) -> ArmAssignments:
    aimed_at = wanted.source.name or wanted.outcome
    rows = [row for part in store.experiments.decisions.scan(aimed_at, 0, until) for row in part]
    if not rows:
        raise InsufficientData(
            f"No decision about messages aimed at the outcome {aimed_at}; another one: messages:OUTCOME. "
            f"{HOW_TO_START}",
            assignments=0,
        )
    return of_decisions(pasts, rows, control=wanted.control)


def of_decisions(pasts: Pasts, rows: Sequence[DecisionRow], *, control: str | None) -> ArmAssignments:
    """Read decisions about messages: nothing against each message, or one message against the others.

    The logged chance is that of the choice, given who chose: policy, control or another tool. Here it is taken times
    the share of contacts for whom that one chose in the same week and campaign, for a share of control may change while
    other things do; an arm that two of them can give counts half from each. Where there was no control in a week and
    campaign, or nothing else, nothing can be compared: these are left out.

    Args:
        pasts: of everybody who may be learned from.
        rows: the decisions; those of the most frequent place count where messages fill several.
        control: the message that is control; None: nothing.
    """
    slot, _ = Counter(row.slot for row in rows).most_common(1)[0]
    place = {name: number for number, name in enumerate(pasts.contact_ids)}
    known = [row for row in rows if row.slot == slot and row.contact_id in place]
    by_group = defaultdict[tuple[int, str], list[DecisionRow]](list)
    for row in known:
        by_group[row.decided_at // WEEK, row.campaign_id].append(row)
    first = control or NO_TREATMENT
    compared = [mine for mine in by_group.values() if {first} < {_arm_of(row) for row in mine}]
    kept = [row for mine in compared for row in mine] or known
    found = assigned(
        [place[row.contact_id] for row in kept],
        [row.decided_at for row in kept],
        [_arm_of(row) for row in kept],
        [chance for mine in (compared or [known]) for chance in _chances_of_group(mine)],
        control=first,
    )
    alone = len(known) - len(kept)
    note = (
        f"Left out, {alone:,} decisions: in their week and campaign all contacts, or none, were in control ({first})."
    )
    return replace(found, notes=(note,)) if alone else found


def _chances_of_group(rows: Sequence[DecisionRow]) -> list[float]:
    """Return the chance of what each contact got, whoever chose, among decisions of one week and campaign."""
    people = Counter(group for _, group in {(row.contact_id, row.arm) for row in rows})
    share = {group: count / people.total() for group, count in people.items()}
    givers = Counter(name for name, _ in {(_arm_of(row), row.arm) for row in rows})
    return [min(1.0, share[row.arm] * row.propensity * givers[_arm_of(row)]) for row in rows]


def _arm_of(row: DecisionRow) -> str:
    return row.message_id or NO_TREATMENT


def of_events(pasts: Pasts, name: str, *, control: str | None) -> ArmAssignments:
    """Read imported events: `item` names the arm, `value` its chance, `campaign_id` the test.

    Args:
        pasts: of everybody who may be learned from.
        name: type, and after a slash the campaign where only its events count.
        control: which arm is control; None: one that is called so.
    """
    type_, _, campaign = name.partition("/")
    code = pasts.type_code(type_)
    if code < 0:
        raise InsufficientData(
            f"{no_contact_has('an event of type', (type_,), pasts.types)} {HOW_TO_START}", assignments=0
        )
    rows = np.flatnonzero((pasts.type == code) & (pasts.item >= 0))
    if campaign:
        rows = rows[_is_named(pasts.campaigns, campaign)[pasts.campaign[rows]]]
    owner = np.searchsorted(pasts.offsets, rows, side="right") - 1
    arms = [pasts.items[item] for item in pasts.item[rows]]
    return assigned(owner.astype(np.int32), pasts.at[rows], arms, chances_of(pasts.value[rows]), control=control)


def _is_named(names: tuple[str, ...], wanted: str) -> np.ndarray:
    """Whether each code is the wanted name; the last entry is that of code -1, which has none."""
    return np.array([*(one == wanted for one in names), False], dtype=bool)


def of_attribute(
    pasts: Pasts,
    name: str,
    *,
    control: str | None,
    propensity: str | None,
    now: Microseconds,
    is_flat: bool,
) -> ArmAssignments:
    """Read an attribute whose values are arms: each value is an assignment at the instant from which it holds.

    Args:
        pasts: of everybody who may be learned from.
        name: of the attribute.
        control: which value is control; None: one that is called so.
        propensity: an attribute with the chance of the arm; None: the shares of the arms.
        now: of a table without times, the instant of all assignments.
        is_flat: whether there are no times.

    Raises:
        BadRequest: nobody said since when the values hold.
    """
    stored = pasts.attributes.get(name)
    if stored is None:
        raise InsufficientData(
            f"{no_contact_has('an attribute', (name,), pasts.attributes)} {HOW_TO_START}", assignments=0
        )
    if not is_flat and not bool(stored.dated.all()):
        raise BadRequest(
            f"Nobody said since when {name} holds, so that it is not known what came before the assignment. Import it "
            "with its date, or as events of type treatment_assigned."
        )
    if is_flat:
        contact = np.arange(len(pasts), dtype=np.int32)
        entry = entry_at(stored, contact, np.full(len(pasts), now))
        rows = entry[entry >= 0]
    else:
        rows = np.arange(len(stored.contact))
    rows = rows[np.array([_is_arm(stored.value[row]) for row in rows], dtype=bool)]
    contact = stored.contact[rows]
    at = np.full(len(rows), now) if is_flat else stored.valid_from[rows]
    arms = [written(stored.value[row]) for row in rows]
    chances = None if propensity is None else _chances(pasts, propensity, contact, at, is_flat=is_flat)
    return assigned(contact, at, arms, chances, control=control)


def _is_arm(value: object) -> bool:
    """Whether a value names an arm; `none`, elsewhere a missing value, is one here."""
    return value is not None and written(value) != ""


def _chances(pasts: Pasts, name: str, contact: np.ndarray, at: np.ndarray, *, is_flat: bool) -> np.ndarray:
    stored = pasts.attributes.get(name)
    if stored is None:
        raise BadRequest(f"{no_contact_has('an attribute', (name,), pasts.attributes)} It was to hold the chances.")
    entry = entry_at(stored, contact, at if is_flat else at + 1)
    found = chances_of(stored.value[row] if row >= 0 else None for row in entry.tolist())
    if found is None:
        raise BadRequest(f"{name} must hold a chance above 0, at most 1, for everybody who was assigned.")
    return found
