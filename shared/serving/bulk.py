"""Who of many contacts gets a prediction, and what it is, column by column: the rules of a call without its rows.

`shared.serving.contact_answers` decides about a contact by looking through its rows. Here the same is decided for all
at once from columns; a test holds both to the same answers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.contracts.holdout import holding
from shared.contracts.prediction import UNDERSTOOD, Band, Prediction, Source, Status
from shared.contracts.rows import DAY, Microseconds, denies_profiling, microseconds
from shared.serving.batch import PinnedModel
from shared.serving.capability_spec import ColumnModel, ServedModel
from shared.serving.contact_answers import (
    UNREADABLE,
    in_place_of,
    name_what_is_missing,
    noted_of,
    with_detail,
    with_inputs,
    withhold,
)
from shared.serving.request_contacts import AttributeNames
from shared.timeline import ContactPasts, Pasts, missing_in
from shared.timeline.coded_pasts import MACHINE, ContactColumns, EventColumns, from_columns, seen_types
from shared.timeline.contact_pasts import MISSING, missing_marks
from shared.timeline.pasts import AttributeColumn, entry_at
from shared.values.words import is_missing, same_name_key

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class BulkContacts:
    """All that is kept of some contacts, as columns."""

    contacts: ContactColumns
    unreadable: Mask
    """(n,) whether the current value of an attribute could not be read."""
    events: EventColumns
    """Of all times, with what machines did; types as recorded."""
    human: NDArray[np.int8]
    """1 a person, 0 a machine, 2 nobody knows; one an event."""
    newest_event_at: Microseconds | None
    """Of the whole account."""


@dataclass(slots=True)
class BulkColumns:
    """Answers about contacts, column by column; what is more than a head stands beside, by row."""

    status: NDArray[np.int8]
    """Index into STATUSES."""
    probability: NDArray[np.float64]
    """NaN without prediction, as are the others then of no meaning."""
    score: NDArray[np.int64]
    band: NDArray[np.int64]
    bands: tuple[Band, ...]
    quality: NDArray[np.int64]
    """Index into `qualities`."""
    qualities: list[list[str]]
    others: dict[int, Prediction]
    """Whoever has no prediction, or one of which there is more to say."""

    def answer(self, contact_id: str, row: int) -> Prediction:
        """Return the head of somebody's prediction, of which more is to be said."""
        return Prediction(
            contact_id=contact_id,
            probability=float(self.probability[row]),
            score=int(self.score[row]),
            band=self.bands[self.band[row]],
            source=SOURCE,
            data_quality=self.qualities[self.quality[row]],
        )


SOURCE: Final[Source] = "model"
"""Of every answer that is columns."""
STATUSES: tuple[Status, ...] = (
    "ok",
    "not_eligible",
    "insufficient_data",
    "outcome_reached",
    "no_consent",
)
"""The later one wins."""


def bulk_columns(pinned: PinnedModel, bulk: BulkContacts) -> BulkColumns | None:
    """Do the same as `bulk_results` column by column; None: the capability answers with more than a head.

    Args:
        pinned: the version and the cutoff.
        bulk: the contacts.
    """
    model, cutoff = pinned.champion.model, microseconds(pinned.cutoff)
    if not isinstance(model, ColumnModel) or pinned.reasons:
        return None
    contacts, seen, within = _looked_at(pinned, bulk)
    status = _status_codes(pinned, contacts, seen, within)
    rows, n = (status == 0) & ~bulk.unreadable & ~_held_out(pinned, bulk), len(status)
    columns = BulkColumns(
        status, np.full(n, np.nan), np.zeros(n, np.int64), np.zeros(n, np.int64), (), np.zeros(n, np.int64), [], {}
    )
    if rows.any():
        events, mine = seen.taken(within), contacts
        if not rows.all():
            mine, events = only_contacts(contacts, events, rows)
        pasts = from_columns(mine, events)
        found = model.answer_columns(pasts, np.full(len(pasts), cutoff, dtype=np.int64))
        columns.bands = found.bands
        columns.probability[rows], columns.score[rows], columns.band[rows] = found.probability, found.score, found.band
        marks = _marks(pasts, model, cutoff, found.truncated)
        columns.quality[rows] = marks
        columns.qualities = _qualities(noted_of(bulk.newest_event_at, cutoff=cutoff))
        for row, inputs in zip(np.flatnonzero(rows).tolist(), found.inputs, strict=True):
            if inputs is not UNDERSTOOD and inputs.codes:
                columns.others[row] = with_inputs(columns.answer(bulk.contacts.ids[row], row), inputs)
    if not rows.all():
        _add_others(columns, pinned, bulk, ~rows)
    return columns


def _held_out(pinned: PinnedModel, bulk: BulkContacts) -> Mask:
    """Return who gets no answer."""
    ids = bulk.contacts.ids
    if not pinned.holdouts:
        return np.zeros(len(ids), dtype=bool)
    return np.fromiter((holding(pinned.holdouts, one) is not None for one in ids), bool, len(ids))


def _add_others(columns: BulkColumns, pinned: PinnedModel, bulk: BulkContacts, rows: Mask) -> None:
    """Look at single contacts again, as a call does."""
    contacts, events = only_contacts(bulk.contacts, bulk.events, rows)
    kept = rows[bulk.events.contact]
    few = BulkContacts(contacts, bulk.unreadable[rows], events, bulk.human[kept], bulk.newest_event_at)
    for row, result in zip(np.flatnonzero(rows).tolist(), bulk_results(pinned, few), strict=True):
        columns.others[row] = result


def _marks(pasts: Pasts, model: ServedModel, cutoff: Microseconds, truncated: Mask) -> NDArray[np.int64]:
    """Number what is missing in each past, as `quality` names it; `_qualities` has the names."""
    missing = missing_marks(pasts, cutoff, needs_zone=model.feature_set.needs_local_time)
    numbers: NDArray[np.int64] = (1 << np.arange(len(_MARKS))) @ np.vstack([missing, truncated])
    return numbers


_MARKS = (*MISSING, "truncated_history")


def _qualities(noted: Sequence[str]) -> list[list[str]]:
    """List the names behind every number of `_marks`."""
    return [
        [*noted, *(name for place, name in enumerate(_MARKS) if number >> place & 1)]
        for number in range(1 << len(_MARKS))
    ]


def _looked_at(pinned: PinnedModel, bulk: BulkContacts) -> "tuple[ContactColumns, _Seen, Mask]":
    """Return what a version sees of contacts: attributes, events before the cutoff, and which lie in the lookback."""
    model, cutoff = pinned.champion.model, microseconds(pinned.cutoff)
    contacts = replace(bulk.contacts, attributes=_seen_attributes(bulk.contacts.attributes, model, cutoff))
    events = _seen_events(bulk, cutoff)
    return contacts, events, events.at >= cutoff - model.lookback_days * DAY


def bulk_results(pinned: PinnedModel, bulk: BulkContacts) -> list[Prediction]:
    """Decide for each contact whether it gets a prediction, and predict, order kept.

    What only the store knows (the trend, the segment before) is not added.

    Args:
        pinned: the version and the cutoff.
        bulk: the contacts.
    """
    contacts, events, within = _looked_at(pinned, bulk)
    statuses = _status_codes(pinned, contacts, events, within)
    results = [
        Prediction(contact_id=contact_id, status=STATUSES[status], data_quality=(UNREADABLE,) if unreadable else ())
        for contact_id, status, unreadable in zip(
            contacts.ids, statuses.tolist(), bulk.unreadable.tolist(), strict=True
        )
    ]
    name_what_is_missing(results, pinned.champion.model)
    rows = statuses == 0
    if rows.any():
        noted = noted_of(bulk.newest_event_at, cutoff=microseconds(pinned.cutoff))
        _predict(pinned, contacts, events.taken(within), rows, results, noted)
    withhold(results, pinned.holdouts)
    return [with_detail(one) for one in results]


def _seen_events(bulk: BulkContacts, cutoff: Microseconds) -> "_Seen":
    """Keep what happened before the cutoff, under the types that features know."""
    before = bulk.events.at < cutoff
    events = bulk.events.taken(before)
    human = bulk.human if before.all() else bulk.human[before]
    typed = replace(events, type=seen_types(events.type, human))
    return _Seen(typed, human != MACHINE)


@dataclass(frozen=True, slots=True)
class _Seen:
    """Events before the cutoff."""

    events: EventColumns
    by_person: Mask
    """Whether no machine is known to have made it."""

    @property
    def at(self) -> NDArray[np.int64]:
        """When each happened."""
        return self.events.at

    def taken(self, rows: Mask) -> EventColumns:
        """Keep some, without what machines did."""
        return self.events.taken(rows & self.by_person)


def _status_codes(pinned: PinnedModel, contacts: ContactColumns, seen: _Seen, within: Mask) -> NDArray[np.int8]:
    model, n = pinned.champion.model, len(contacts.ids)
    owner = seen.events.contact
    active = np.bincount(owner if within.all() else owner[within], minlength=n) > 0
    reached, begun = _reached(model, contacts, seen, microseconds(pinned.cutoff))
    nothing = np.zeros(n, dtype=bool)
    if not (pinned.spec.answers_without_data or active.all()):
        nothing = ~(active | _has_any(contacts, model))
    codes = np.zeros(n, dtype=np.int8)
    if begun is not None:
        codes[~begun] = STATUSES.index("not_eligible")
    codes[nothing] = STATUSES.index("insufficient_data")
    codes[reached] = STATUSES.index("outcome_reached")
    for row, consent in enumerate(contacts.consents):
        if consent and denies_profiling(consent):
            codes[row] = STATUSES.index("no_consent")
    return codes


def _reached(
    model: ServedModel, contacts: ContactColumns, seen: _Seen, cutoff: Microseconds
) -> tuple[Mask, Mask | None]:
    """Find who reached the outcome before the cutoff, and for whom something had to begin, and did."""
    n = len(contacts.ids)
    never = np.iinfo(np.int64).min
    ended, begun = np.full(n, never), np.full(n, never)
    for types, last in ((model.reached_by, ended), (set(model.begun_by) - set(model.reached_by), begun)):
        codes = [code for code, name in enumerate(seen.events.type.names) if name in types]
        if codes:
            mine = np.isin(seen.events.type.codes, codes) & seen.by_person
            np.maximum.at(last, seen.events.contact[mine], seen.at[mine])
    reached = (ended != never) & ((begun == never) | (begun <= ended))
    if model.flag is not None and (column := contacts.attributes.get(model.flag.attribute)) is not None:
        newest = entry_at(column, np.arange(n, dtype=np.int32), np.full(n, cutoff))
        for row in np.flatnonzero(newest >= 0).tolist():
            reached[row] |= model.flag.reached(column.value[newest[row]]) is True
    return reached, (begun != never) if model.begun_by else None


def _has_any(contacts: ContactColumns, model: ServedModel) -> Mask:
    """Return who has an attribute that the model looks at, filled in."""
    found = np.zeros(len(contacts.ids), dtype=bool)
    for name in {feature.attribute for feature in model.feature_set.features if feature.attribute}:
        if found.all():
            break
        column = contacts.attributes.get(name)
        if column is not None:
            filled = [not is_missing(value) for value in column.value]
            found[column.contact[filled]] = True
    return found


def _predict(
    pinned: PinnedModel,
    contacts: ContactColumns,
    events: EventColumns,
    rows: Mask,
    results: list[Prediction],
    noted: Sequence[str],
) -> None:
    places = np.flatnonzero(rows)
    if not rows.all():
        contacts, events = only_contacts(contacts, events, rows)
    pasts, cutoff = ContactPasts.of_columns(from_columns(contacts, events)), microseconds(pinned.cutoff)
    cutoffs = np.full(len(pasts), cutoff, dtype=np.int64)
    model = pinned.champion.model
    answers: Sequence[Prediction] = model.answer(pasts, cutoffs, pinned.request)
    found = missing_in(pasts, cutoff, needs_zone=model.feature_set.needs_local_time)
    for row, one, marks in zip(places.tolist(), answers, found, strict=True):
        results[row] = in_place_of(results[row], one, [*noted, *marks])


def only_contacts(contacts: ContactColumns, events: EventColumns, rows: Mask) -> tuple[ContactColumns, EventColumns]:
    """Keep some contacts with what belongs to them."""
    place = np.full(len(rows), -1, dtype=np.int32)
    place[rows] = np.arange(int(rows.sum()), dtype=np.int32)
    kept = events.taken(rows[events.contact])
    listed = np.flatnonzero(rows).tolist()
    attributes = {}
    for name, column in contacts.attributes.items():
        mine = np.flatnonzero(rows[column.contact])
        if len(mine):
            values = tuple([column.value[entry] for entry in mine.tolist()])
            attributes[name] = AttributeColumn(
                place[column.contact[mine]], column.valid_from[mine], values, column.dated[mine]
            )
    return (
        ContactColumns(
            [contacts.ids[row] for row in listed],
            contacts.created_at[rows],
            [contacts.zones[row] for row in listed],
            [contacts.consents[row] for row in listed],
            attributes,
        ),
        replace(kept, contact=place[kept.contact]),
    )


def _seen_attributes(
    attributes: Mapping[str, AttributeColumn], model: ServedModel, cutoff: Microseconds
) -> dict[str, AttributeColumn]:
    """Keep values that hold before the cutoff, under the names that the model knows."""
    seen = {name: column for name, one in attributes.items() if (column := _before(one, cutoff)) is not None}
    if not model.attribute_names:
        return seen
    names = AttributeNames.of(model.attribute_names)
    for stranger in sorted(seen.keys() - names.known):
        known = names.by_key.get(same_name_key(stranger))
        if known is not None:
            _give(seen, stranger, known)
    return {name: column for name, column in seen.items() if len(column.contact)}


def _before(column: AttributeColumn, cutoff: Microseconds) -> AttributeColumn | None:
    mine = column.valid_from < cutoff
    if mine.all():
        return column
    if not mine.any():
        return None
    return _entries(column, mine)


def _entries(column: AttributeColumn, mine: Mask) -> AttributeColumn:
    values = tuple([column.value[entry] for entry in np.flatnonzero(mine).tolist()])
    return AttributeColumn(column.contact[mine], column.valid_from[mine], values, column.dated[mine])


def _give(seen: dict[str, AttributeColumn], stranger: str, known: str) -> None:
    """Give the values of an attribute to the one that it means, of contacts that have no such one."""
    own = seen.get(known)
    column = seen[stranger]
    moving = np.ones(len(column.contact), dtype=bool) if own is None else ~np.isin(column.contact, own.contact)
    moved = _entries(column, moving)
    seen[stranger] = _entries(column, ~moving)
    if own is None:
        seen[known] = moved
        return
    contact = np.concatenate([own.contact, moved.contact])
    valid_from = np.concatenate([own.valid_from, moved.valid_from])
    order = np.lexsort((valid_from, contact))
    values = (*own.value, *moved.value)
    dated = np.concatenate([own.dated, moved.dated])
    seen[known] = AttributeColumn(
        contact[order], valid_from[order], tuple([values[place] for place in order.tolist()]), dated[order]
    )
