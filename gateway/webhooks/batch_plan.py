"""Plan what a batch writes: whose each change is, and which items cannot be taken. Pure; `intake` executes the plan."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from gateway.webhooks.identity_resolution import Directory, Person
from gateway.webhooks.normalize import Item, Refusal, Said
from gateway.webhooks.notes import Note
from gateway.webhooks.provider import Confirmation, IncomingErasure
from shared.contracts.rows import ContactRow, EventRow

Became = Literal["new", "duplicate", "ignored", "dead"]

UNKNOWN: Final = Refusal(
    "unknown_contact",
    "Nobody here is known by what the item says of its recipient: put the contact and try again, or let the source "
    "create contacts.",
)
PLACEHOLDER: Final = Refusal(
    "placeholder_address", "The address stands for none, such as unknown@, and nothing else says who it is."
)
SHARED: Final = Refusal(
    "shared_address", "The address belongs to several contacts, and nothing else says which of them it is."
)
ERASED: Final = Note(
    "erased_contact", "Items about contacts that were erased here, and not put again, were skipped; none is kept."
)
PLACEHOLDER_LEFT_OUT: Final = Note(
    "placeholder_left_out", "An address that stands for none, such as unknown@, was not taken as anybody's."
)


class Dead(NamedTuple):
    """An item that goes to the dead letters."""

    item: Item
    refusal: Refusal
    person: Person | None


class Noted(NamedTuple):
    """A note that goes to the dead letters, with the item where it helps."""

    note: Note
    item: Item | None = None
    person: Person | None = None
    contact_ids: tuple[str, ...] = ()
    """Whom the note names."""


@dataclass(slots=True)
class Plan:
    """What is to be written, beside what the directory says of identities."""

    events: list[EventRow] = field(default_factory=list)
    contacts: list[ContactRow] = field(default_factory=list)
    dead: list[Dead] = field(default_factory=list)
    noted: list[Noted] = field(default_factory=list)
    confirmations: list[Confirmation] = field(default_factory=list)
    counts: Counter[Became] = field(default_factory=Counter)


def planned(items: Sequence[Item], fresh: Collection[str], directory: Directory) -> Plan:
    """Go through a batch in its order.

    Args:
        items: prepared.
        fresh: receipts and tokens that are told for the first time.
        directory: of everybody whom the batch is about; is changed.
    """
    plan, left = Plan(), set(fresh)
    for item in items:
        plan.counts["ignored"] += item.ignored
        if not item.said and item.token is not None and item.token not in left:
            plan.counts["duplicate"] += len(item.refusals)
            continue
        mine = left.intersection(item.receipts)
        left -= mine
        died = Dead(item, item.refusals[0], None) if item.refusals else None
        plan.counts["dead"] += len(item.refusals)
        person: Person | None = None
        for said in item.said:
            if isinstance(said.incoming, Confirmation):
                plan.confirmations.append(said.incoming)  # told again, too: the visit before it may have failed
            became = _placed(said, item, plan, directory) if said.receipt in mine else "duplicate"
            if isinstance(became, Refusal):
                died = died or Dead(item, became, said.person)
                became = "dead"
            person = person or said.person
            plan.counts[became] += 1
        if died is not None:
            plan.dead.append(died)
        if item.notes and (mine or not item.said):
            plan.noted.extend(Noted(note, item, person) for note in item.notes)
    if not directory.merged:
        return plan
    plan.events = [row._replace(contact_id=directory.final(row.contact_id)) for row in plan.events]
    plan.contacts = [row._replace(contact_id=directory.final(row.contact_id)) for row in plan.contacts]
    return plan


def _placed(said: Said, item: Item, plan: Plan, directory: Directory) -> Became | Refusal:
    if isinstance(said.incoming, Confirmation):
        return "new"  # visited afterwards
    assert said.person is not None  # noqa: S101 - everything else is about somebody
    if isinstance(said.incoming, IncomingErasure):  # carried out before
        return SHARED if directory.is_shared(said.person) else "new"
    contact = directory.resolve(said.person)
    for note, contact_ids in directory.notes:
        plan.noted.append(Noted(note, item, said.person, contact_ids))
    directory.notes.clear()
    if contact is None:
        if directory.is_erased(said.person):
            plan.noted.append(Noted(ERASED))
            return "ignored"
        if directory.is_shared(said.person):
            return SHARED
        return PLACEHOLDER if said.person.has_placeholder else UNKNOWN
    if said.person.has_placeholder:
        plan.noted.append(Noted(PLACEHOLDER_LEFT_OUT))
    if said.event is not None:
        plan.events.append(said.event._replace(contact_id=contact))
    elif said.contact is not None:
        plan.contacts.append(said.contact._replace(contact_id=contact))
    elif said.former is not None:
        directory.merge(said.former, contact)
    return "new"
