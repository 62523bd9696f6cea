"""Columns of contacts that were read apart, put together: what reading them at once would have given."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from shared.timeline.coded_pasts import CodedText, ContactColumns, EventColumns
from shared.timeline.pasts import AttributeColumn

Part = tuple[ContactColumns, EventColumns]


def united(parts: Sequence[Part]) -> Part:
    """Put parts together, contacts in the order of their ids.

    Args:
        parts: at least one; each contact in one of them.

    Returns:
        Contacts and their events; whatever way they were cut into parts, pasts made of them are the same.
    """
    ids = [contact_id for contacts, _ in parts for contact_id in contacts.ids]
    order = sorted(range(len(ids)), key=ids.__getitem__)
    place = np.empty(len(ids), dtype=np.int32)
    place[order] = np.arange(len(ids), dtype=np.int32)
    rows = np.split(place, np.cumsum([len(contacts.ids) for contacts, _ in parts])[:-1])
    zones = [zone for contacts, _ in parts for zone in contacts.zones]
    consents = [consent for contacts, _ in parts for consent in contacts.consents]
    united_contacts = ContactColumns(
        [ids[row] for row in order],
        np.concatenate([contacts.created_at for contacts, _ in parts])[order],
        [zones[row] for row in order],
        [consents[row] for row in order],
        _attributes(parts, rows),
    )
    return united_contacts, _events([events for _, events in parts], rows)


def _events(parts: Sequence[EventColumns], rows: Sequence[NDArray[np.int32]]) -> EventColumns:
    contact = np.concatenate([row[one.contact] for one, row in zip(parts, rows, strict=True)])
    order = np.argsort(contact, kind="stable")
    at, value = np.concatenate([one.at for one in parts]), np.concatenate([one.value for one in parts])
    type_, message, campaign, item = (
        _texts(column, order)
        for column in (
            [one.type for one in parts],
            [one.message for one in parts],
            [one.campaign for one in parts],
            [one.item for one in parts],
        )
    )
    return EventColumns(contact[order], at[order], type_, value[order], message, campaign, item)


def _texts(parts: Sequence[CodedText], order: NDArray[np.intp]) -> CodedText:
    """Code the texts of all parts by one list of names."""
    code_of: dict[str, int] = {}
    codes = []
    for one in parts:
        # Code -1 reads the last entry.
        new = np.array([*(code_of.setdefault(name, len(code_of)) for name in one.names), -1], dtype=np.int32)
        codes.append(new[one.codes])
    return CodedText(np.concatenate(codes)[order], tuple(code_of))


def _attributes(parts: Sequence[Part], rows: Sequence[NDArray[np.int32]]) -> dict[str, AttributeColumn]:
    found: dict[str, list[AttributeColumn]] = {}
    for (contacts, _), row in zip(parts, rows, strict=True):
        for name, one in contacts.attributes.items():
            moved = AttributeColumn(row[one.contact], one.valid_from, one.value, one.dated)
            found.setdefault(name, []).append(moved)
    return {name: _attribute(found[name]) for name in sorted(found)}


def _attribute(parts: Iterable[AttributeColumn]) -> AttributeColumn:
    every = list(parts)
    contact = np.concatenate([one.contact for one in every])
    valid_from = np.concatenate([one.valid_from for one in every])
    values = [value for one in every for value in one.value]
    order = np.lexsort((valid_from, contact))
    dated = np.concatenate([one.dated for one in every])[order]
    return AttributeColumn(contact[order], valid_from[order], tuple([values[row] for row in order.tolist()]), dated)
