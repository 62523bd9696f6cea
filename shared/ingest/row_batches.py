"""Rows of a planned file, in batches of bounded size: the same way for every format."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeVar

from shared.contracts.contact import ContactInput, EventInput
from shared.contracts.decision import DecisionRow
from shared.contracts.decision_input import DecisionInput
from shared.contracts.items import ItemInput
from shared.contracts.rows import ContactRow, EventRow, ItemChange, Microseconds, born_id
from shared.ingest.batch import Batch, Build
from shared.ingest.cells import CellRefused, Cells, Reader, as_object
from shared.ingest.facts import fact_reader
from shared.ingest.identity import email_hash
from shared.ingest.plan import Findings, Plan, PlannedColumn, Use
from shared.ingest.rows import contact_row, decision_row, event_row, item_change
from shared.ingest.table import Progress, no_progress
from shared.values.offers import read_in_stock, read_offered
from shared.values.zones import zone_of

Row = TypeVar("Row")
EVENTS_AT_ONCE = 250_000
CONTACTS_AT_ONCE = 20_000
ITEMS_AT_ONCE = 20_000
DECISIONS_AT_ONCE = 20_000
_TEXTS = ("contact_id", "id", "message_id", "campaign_id", "item", "message", "slot", "outcome")


def contact_build(
    plan: Plan, findings: Findings, *, recorded_at: Microseconds, identity_key: bytes
) -> Build[ContactRow]:
    """Compose how the records of a file of contacts become rows.

    Args:
        plan: of the file.
        findings: takes what was changed or left out.
        recorded_at: now.
        identity_key: key of the hash under which e-mail addresses are kept.
    """

    def row(fields: Mapping[str, Any]) -> ContactRow:
        contact = ContactInput.model_validate(fields)
        return contact_row(contact, recorded_at=recorded_at, identity_key=identity_key, undated=True)

    return _build(plan, findings, "attributes", row)


def event_build(
    plan: Plan, findings: Findings, *, recorded_at: Microseconds, identity_key: bytes | None = None
) -> Build[EventRow]:
    """Compose how the records of a file of events become rows; arguments as for contacts.

    Args:
        plan: of the file.
        findings: takes what was changed or left out.
        recorded_at: now.
        identity_key: as for contacts; needed where events name an address and no contact.
    """
    by_address = plan.column_of("email")
    addresses: dict[str, str] = {}

    def row(fields: Mapping[str, Any]) -> EventRow:
        return event_row(EventInput.model_validate(fields), recorded_at=recorded_at)

    def addressed(fields: Mapping[str, Any]) -> EventRow:
        address, key = fields.get("email"), identity_key or b""
        if address is None:
            raise CellRefused(
                f"{by_address.name if by_address else 'email'} is nobody's address, so the event is nobody's"
            )
        hashed = email_hash(address, key)
        contact_id = born_id(("email", hashed))
        taken = row({**{name: value for name, value in fields.items() if name != "email"}, "contact_id": contact_id})
        addresses[contact_id] = hashed
        return taken

    build = _build(plan, findings, "properties", addressed if by_address else row)
    build.addresses = addresses
    return build


def item_build(plan: Plan, findings: Findings) -> Build[ItemChange]:
    """Compose how the records of a file of items become rows."""

    def row(fields: Mapping[str, Any]) -> ItemChange:
        return item_change(ItemInput.model_validate(fields))

    return _build(plan, findings, "", row)


def decision_build(plan: Plan, findings: Findings, *, outcomes: Collection[str], default: str) -> Build[DecisionRow]:
    """Compose how the records of a file of decisions become rows.

    Args:
        plan: of the file.
        findings: takes what was changed or left out.
        outcomes: that there are.
        default: of them, where a row names none.
    """

    def row(fields: Mapping[str, Any]) -> DecisionRow:
        read = decision_row(DecisionInput.model_validate({"message": None, **fields}), outcome=default)
        if read.outcome not in outcomes:
            raise CellRefused(f"there is no outcome {read.outcome}; known: {', '.join(sorted(outcomes))}")
        return read

    return _build(plan, findings, "", row)


def _build(plan: Plan, findings: Findings, facts: str, row: Callable[[Mapping[str, Any]], Row]) -> Build[Row]:
    zone = None if plan.options.timezone is None else zone_of(plan.options.timezone)
    cells = Cells(zone, findings)
    used = [column for column in plan.columns if column.use is not Use.LEFT_OUT]
    columns = []
    for column in used:
        if column.use is Use.KEPT:
            reader = fact_reader(column, findings, scalar=facts == "attributes")
            columns.append((column.name, "", column.target, reader))
        else:
            columns.append((column.name, column.target, "", _field_reader(cells, column, plan)))
    names = {column.target: column.name for column in used}
    return Build(columns, facts, row, names, dict(plan.options.constants))


def _field_reader(cells: Cells, column: PlannedColumn, plan: Plan) -> Reader:
    target = column.target
    if target in _TEXTS:
        return cells.id(column)
    if target == "email":
        return cells.address(column, plan.shared_addresses)
    readers: dict[str, Callable[[], Reader]] = {
        "type": lambda: cells.event_type(column),
        "occurred_at": lambda: cells.instant(column),
        "created_at": lambda: cells.instant(column, optional=True),
        "valid_from": lambda: cells.instant(column),
        "value": lambda: cells.amount(column),
        "currency": lambda: cells.currency(column),
        "human": lambda: cells.boolean(column),
        "timezone": lambda: cells.timezone(column),
        "consent": lambda: cells.consent(column),
        "name": lambda: cells.label(column),
        "category": lambda: cells.label(column),
        "price": lambda: cells.amount(column),
        "propensity": lambda: cells.share(column),
        "reward": lambda: cells.number(column, is_truth=True),
        "number_of_candidates": lambda: cells.number(column),
        "candidates": lambda: cells.names(column),
        "decided_at": lambda: cells.instant(column),
        "url": lambda: cells.id(column),
        "active": lambda: cells.state(column, read_offered),
        "in_stock": lambda: cells.state(column, read_in_stock),
    }
    if target in readers:
        return readers[target]()
    return lambda cell, line: as_object(cell, column.name)  # noqa: ARG005 - attributes, properties


def contact_batches(
    plan: Plan,
    findings: Findings,
    *,
    recorded_at: Microseconds,
    identity_key: bytes,
    at_once: int = CONTACTS_AT_ONCE,
    progress: Progress = no_progress,
) -> Iterator[Batch[ContactRow]]:
    """Read the contacts of a file; a row that cannot be one becomes a reject, the rest goes on.

    Args:
        plan: of the file.
        findings: takes what was changed or left out.
        recorded_at: now.
        identity_key: key of the hash under which e-mail addresses are kept.
        at_once: rows of a batch, which bounds memory.
        progress: takes how far the reading is.
    """
    build = contact_build(plan, findings, recorded_at=recorded_at, identity_key=identity_key)
    yield from _batches(plan, build, at_once=at_once, progress=progress)


def event_batches(
    plan: Plan,
    findings: Findings,
    *,
    recorded_at: Microseconds,
    identity_key: bytes | None = None,
    at_once: int = EVENTS_AT_ONCE,
    progress: Progress = no_progress,
) -> Iterator[Batch[EventRow]]:
    """Read the events of a file; arguments as for contacts."""
    build = event_build(plan, findings, recorded_at=recorded_at, identity_key=identity_key)
    if plan.layout.format == "Parquet" and not plan.column_of("email"):
        from shared.ingest import parquet

        yield from parquet.event_batches(
            plan, build, findings, recorded_at=recorded_at, at_once=at_once, progress=progress
        )
    else:
        yield from _batches(plan, build, at_once=at_once, progress=progress)


def item_batches(
    plan: Plan, findings: Findings, *, at_once: int = ITEMS_AT_ONCE, progress: Progress = no_progress
) -> Iterator[Batch[ItemChange]]:
    """Read the items of a file; arguments as for contacts."""
    yield from _batches(plan, item_build(plan, findings), at_once=at_once, progress=progress)


def decision_batches(
    plan: Plan,
    findings: Findings,
    *,
    outcomes: Collection[str],
    default: str,
    at_once: int = DECISIONS_AT_ONCE,
    progress: Progress = no_progress,
) -> Iterator[Batch[DecisionRow]]:
    """Read the decisions of a file; arguments as of `decision_build`, and as for contacts."""
    build = decision_build(plan, findings, outcomes=outcomes, default=default)
    yield from _batches(plan, build, at_once=at_once, progress=progress)


def _batches(plan: Plan, build: Build[Row], *, at_once: int, progress: Progress) -> Iterator[Batch[Row]]:
    """Read the rows of a file, `at_once` of them at a time; at least one batch."""
    batch: Batch[Row] = Batch()
    for record in plan.table.records(progress):
        build.take(batch, record)
        if len(batch) >= at_once:
            yield _with_addresses(batch, build)
            batch = Batch()
    batch.fraction = 1.0
    yield _with_addresses(batch, build)


def _with_addresses(batch: Batch[Row], build: Build[Row]) -> Batch[Row]:
    batch.addresses.update(build.addresses)
    build.addresses.clear()
    return batch
