"""Plan what a batch writes: whose each change is, and which items cannot be taken. Pure; `intake` executes the plan."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from gateway.webhooks.identity_resolution import IdentityDirectory, Person
from gateway.webhooks.normalize import NormalizedChange, NormalizedItem, Refusal
from gateway.webhooks.notes import Note
from gateway.webhooks.provider import Confirmation, IncomingErasure
from shared.contracts.rows import ContactRow, EventRow

ItemStatus = Literal["new", "duplicate", "ignored", "dead"]

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


class DeadItem(NamedTuple):
    """An item that becomes a dead letter."""

    item: NormalizedItem
    refusal: Refusal
    person: Person | None


class NotedItem(NamedTuple):
    """A note that is kept as a dead letter, with its item if that helps."""

    note: Note
    item: NormalizedItem | None = None
    person: Person | None = None
    contact_ids: tuple[str, ...] = ()
    """Contacts that the note names."""


@dataclass(slots=True)
class BatchPlan:
    """What is to be written, beside the identities in the directory."""

    events: list[EventRow] = field(default_factory=list)
    contacts: list[ContactRow] = field(default_factory=list)
    dead: list[DeadItem] = field(default_factory=list)
    noted: list[NotedItem] = field(default_factory=list)
    confirmations: list[Confirmation] = field(default_factory=list)
    counts: Counter[ItemStatus] = field(default_factory=Counter)


def plan_batch(items: Sequence[NormalizedItem], fresh: Collection[str], directory: IdentityDirectory) -> BatchPlan:
    """Plan a batch, in the order of its items.

    Args:
        items: normalized.
        fresh: receipts and tokens that were not stored before.
        directory: of all persons in the batch; it is changed.
    """
    plan, left = BatchPlan(), set(fresh)
    for item in items:
        plan.counts["ignored"] += item.ignored
        if not item.changes and item.token is not None and item.token not in left:
            plan.counts["duplicate"] += len(item.refusals)
            continue
        mine = left.intersection(item.receipts)
        left -= mine
        died = DeadItem(item, item.refusals[0], None) if item.refusals else None
        plan.counts["dead"] += len(item.refusals)
        person: Person | None = None
        for change in item.changes:
            if isinstance(change.incoming, Confirmation):
                plan.confirmations.append(
                    change.incoming
                )  # also when it is sent again: the first confirmation may have failed
            became = _plan_change(change, item, plan, directory) if change.receipt in mine else "duplicate"
            if isinstance(became, Refusal):
                died = died or DeadItem(item, became, change.person)
                became = "dead"
            person = person or change.person
            plan.counts[became] += 1
        if died is not None:
            plan.dead.append(died)
        if item.notes and (mine or not item.changes):
            plan.noted.extend(NotedItem(note, item, person) for note in item.notes)
    if not directory.merged:
        return plan
    plan.events = [row._replace(contact_id=directory.final(row.contact_id)) for row in plan.events]
    plan.contacts = [row._replace(contact_id=directory.final(row.contact_id)) for row in plan.contacts]
    return plan


def _plan_change(
    change: NormalizedChange, item: NormalizedItem, plan: BatchPlan, directory: IdentityDirectory
) -> ItemStatus | Refusal:
    if isinstance(change.incoming, Confirmation):
        return "new"  # confirmed afterwards
    assert change.person is not None  # noqa: S101 - every other change has a recipient
    if isinstance(change.incoming, IncomingErasure):  # done before
        return SHARED if directory.is_shared(change.person) else "new"
    contact = directory.resolve(change.person)
    for note, contact_ids in directory.notes:
        plan.noted.append(NotedItem(note, item, change.person, contact_ids))
    directory.notes.clear()
    if contact is None:
        if directory.is_erased(change.person):
            plan.noted.append(NotedItem(ERASED))
            return "ignored"
        if directory.is_shared(change.person):
            return SHARED
        return PLACEHOLDER if change.person.has_placeholder else UNKNOWN
    if change.person.has_placeholder:
        plan.noted.append(NotedItem(PLACEHOLDER_LEFT_OUT))
    if change.event is not None:
        plan.events.append(change.event._replace(contact_id=contact))
    elif change.contact is not None:
        plan.contacts.append(change.contact._replace(contact_id=contact))
    elif change.former is not None:
        directory.merge(change.former, contact)
    return "new"
