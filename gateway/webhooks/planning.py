"""What a batch comes to: whose each thing is, and what cannot be taken. Pure; the store carries it out."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from gateway.webhooks.incoming import Confirmation, IncomingErasure
from gateway.webhooks.people import Directory, Person
from gateway.webhooks.preparing import Item, Refusal, Said
from shared.contracts.rows import ContactRow, EventRow

Became = Literal["new", "duplicate", "ignored", "dead"]

UNKNOWN: Final = Refusal(
    "unknown_contact",
    "Nobody here is known by what the item says of its recipient: put the contact and try again, or let the source "
    "create contacts.",
)


class Dead(NamedTuple):
    """An item that goes to the dead letters."""

    item: Item
    refusal: Refusal
    person: Person | None


@dataclass(slots=True)
class Plan:
    """What is to be written, beside what the directory says of identities."""

    events: list[EventRow] = field(default_factory=list)
    contacts: list[ContactRow] = field(default_factory=list)
    dead: list[Dead] = field(default_factory=list)
    confirmations: list[Confirmation] = field(default_factory=list)
    counts: Counter[Became] = field(default_factory=Counter)


def planned(items: Sequence[Item], fresh: Collection[str], directory: Directory) -> Plan:
    """Go through a batch in its order.

    Args:
        items: prepared.
        fresh: receipts that are told for the first time.
        directory: of everybody whom the batch is about; is changed.
    """
    plan, left = Plan(), set(fresh)
    for item in items:
        plan.counts["ignored"] += item.ignored
        if item.refusal is not None:
            plan.dead.append(Dead(item, item.refusal, None))
            plan.counts["dead"] += 1
            continue
        mine = left.intersection(said.receipt for said in item.said)
        left -= mine
        died: Dead | None = None
        for said in item.said:
            if isinstance(said.incoming, Confirmation):
                plan.confirmations.append(said.incoming)  # told again, too: the visit before it may have failed
            became = _placed(said, plan, directory) if said.receipt in mine else "duplicate"
            if isinstance(became, Refusal):
                died = died or Dead(item, became, said.person)
                became = "dead"
            plan.counts[became] += 1
        if died is not None:
            plan.dead.append(died)
    if not directory.merged:
        return plan
    plan.events = [row._replace(contact_id=directory.final(row.contact_id)) for row in plan.events]
    plan.contacts = [row._replace(contact_id=directory.final(row.contact_id)) for row in plan.contacts]
    return plan


def _placed(said: Said, plan: Plan, directory: Directory) -> Became | Refusal:
    if isinstance(said.incoming, (Confirmation, IncomingErasure)):
        return "new"  # visited afterwards, carried out before
    assert said.person is not None  # noqa: S101 - everything else is about somebody
    contact = directory.resolve(said.person)
    if contact is None:
        return "ignored" if directory.is_erased(said.person) else UNKNOWN
    if said.event is not None:
        plan.events.append(said.event._replace(contact_id=contact))
    elif said.contact is not None:
        plan.contacts.append(said.contact._replace(contact_id=contact))
    elif said.former is not None:
        directory.merge(said.former, contact)
    return "new"
