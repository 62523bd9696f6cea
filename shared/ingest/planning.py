"""How a file will be read, decided over all of its rows before the first of them is written."""

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from shared.contracts.rows import SHARED_BY
from shared.errors import BadRequest, FileRefused
from shared.ingest.cells import present
from shared.ingest.column_counts import ColumnCounts
from shared.ingest.files import open_table
from shared.ingest.plan import Plan, PlannedColumn, Subject, Use
from shared.ingest.plan_notes import shown, warnings
from shared.ingest.roles import FIELDS, Roles, found_names, is_data
from shared.ingest.table import Options, Progress, Record, Table, no_progress
from shared.values.addresses import maybe_address
from shared.values.headers import fields_of
from shared.values.unreadable import Unreadable
from shared.values.words import same_name_key
from shared.values.zones import zone_of

FIRST_ROWS = 3
MAX_NAME = 128
TIMES = ("occurred_at", "created_at", "valid_from")
REJECT_COLUMNS = ("line", "reason", "row")
"""Columns of a file of rejects that are none of the rows'."""
BY_ADDRESS = "finds the contact; an address that nobody has makes one"
LEAVE_OUT = "-"
"""Target that leaves a column out: `--map "Notes=-"`."""


class ColumnMissing(FileRefused):
    """A file has no column of a field without which no row can be one; says which option names it."""

    def __init__(self, detail: str, found: str) -> None:
        """Keep the sentence, and the names of the columns that were found."""
        super().__init__(detail)
        self.found = found


class _Pass:
    """One reading of a whole file: counts by column, ids and addresses by hash."""

    def __init__(self, table: Table, roles: Roles, subject: Subject) -> None:
        self._table, self._roles, self._subject = table, roles, subject
        self.counts: dict[str, ColumnCounts] = {}
        self.rows = self.unreadable = 0
        self.first: list[Record] = []
        self._ids, self._lines = array("q"), array("Q")
        self._addresses, self._owners = array("q"), array("q")
        self.first_unreadable: Record | None = None

    def read(self, progress: Progress) -> None:
        """Read all records."""
        sampled = getattr(self._table, "sampled", None) if self._subject == "events" else None
        if sampled is not None:
            self._table.layout.note("What its columns hold was learned from a sample of its rows.")
        for record in (sampled or self._table.records)(progress):
            if record.cells is None:
                self.unreadable += 1
                self.first_unreadable = self.first_unreadable or record
                continue
            if len(self.first) < FIRST_ROWS:
                self.first.append(record)
            if not record.cells.keys() <= self.counts.keys():
                self._meet(record.cells)
            self.rows += 1
            for name, cell in record.cells.items():
                self.counts[name].observe(cell, record.line)
            if self._id is not None:
                self._note_id(record.cells, record.line)
        for name, counts in self.counts.items():  # JSON leaves out what is empty
            counts.profile.looks["missing"] += self.rows - counts.profile.count
            _ = name

    def _meet(self, names: Iterable[str]) -> None:
        """Begin to count columns that were not met before; of JSON they may come at any time."""
        if self._table.declares_types:
            self._roles.decide(self._table.header)
        for name in names:
            if name not in self.counts:
                self.counts[name] = ColumnCounts(name)
        self._id, self._email = self._roles.column_of("id"), self._roles.column_of("email")
        self._owner = self._id if self._subject != "events" else self._roles.column_of("contact_id") or self._email

    _id: str | None = None
    _email: str | None = None
    _owner: str | None = None

    def _note_id(self, cells: Mapping[str, Any], line: int) -> None:
        given = cells.get(self._id or "")
        if not isinstance(given, (str, int, float)) or not present(given):
            return
        owner = str(given).strip()
        self._ids.append(hash((owner, cells.get(self._owner or "")) if self._owner != self._id else owner))
        self._lines.append(line)
        address = cells.get(self._email or "")
        if self._subject == "contacts" and isinstance(address, str) and "@" in address:
            found = maybe_address(address)
            if found is not None and not found.is_placeholder:
                self._addresses.append(hash(found.email))
                self._owners.append(hash(owner))

    def shared_addresses(self) -> frozenset[int]:
        """Find addresses that stand at many contacts."""
        if not self._addresses:
            return frozenset()
        pairs = np.stack([np.frombuffer(self._addresses, np.int64), np.frombuffer(self._owners, np.int64)], axis=1)
        addresses, contacts = np.unique(np.unique(pairs, axis=0)[:, 0], return_counts=True)
        return frozenset(addresses[contacts >= SHARED_BY].tolist())

    def repeated_ids(self) -> tuple[int, int, list[int]]:
        """Return how many ids stand in more than one row, in how many rows, and the lines of the most frequent."""
        if not self._ids:
            return 0, 0, []
        keys = np.frombuffer(self._ids, np.int64)
        distinct, counts = np.unique(keys, return_counts=True)
        if not (counts > 1).any():
            return 0, 0, []
        where = np.flatnonzero(keys == distinct[counts.argmax()])[:5]
        return int((counts > 1).sum()), int(counts[counts > 1].sum()), [self._lines[place] for place in where]


def plan_file(path: Path, subject: Subject, options: Options | None = None, progress: Progress = no_progress) -> Plan:
    """Read a file once and decide how it will be read into the store.

    Args:
        path: of the file; CSV and its relatives, JSON, NDJSON (all also gzipped), a workbook or Parquet.
        subject: what its rows are.
        options: what the caller knows of it.
        progress: takes how far the reading is.

    Raises:
        FileRefused: no row of it can be read; names the cause.
    """
    options = options or Options()
    _check_options(options, subject)
    table = open_table(path, options)
    roles = Roles(subject, options)
    if not table.declares_types:
        roles.decide(table.header)
        _refuse_without(roles, table, options)
    seen = _Pass(table, roles, subject)
    seen.read(progress)
    if not table.header:
        reason = seen.first_unreadable.reason if seen.first_unreadable else table.layout.unread_reason or "it has none"
        raise FileRefused(f"No row of {path.name} can be read: {reason}.")
    roles.decide(table.header)
    _refuse_without(roles, table, options)
    if subject == "contacts" and roles.column_of("email") is None:
        _find_addresses(table, roles, seen)
    for note in roles.notes:
        table.layout.note(note)
    return _planned(path, subject, options, table, roles, seen)


def subject_of(path: Path, options: Options) -> Subject:
    """Guess from the columns of a file what its rows are: events have a type and a time, all others are contacts.

    Of these, events may name an address instead of a contact, where a file of contacts would lack an id. Items have a
    price or a stock, with a name, and nothing that a person has.
    """
    table = open_table(path, options)
    if not table.header:
        next(iter(table.records()), None)
    stated = {*options.renames.values(), *options.constants}
    found = {*fields_of(table.header, "events").header_of, *stated}
    own = {same_name_key(name) for name in table.header}
    named = bool({"contact_id", "type"} & stated) or "occurred_at" in stated or {"contactid", "occurredat"} & own
    by_address = "email" in found and "id" not in {*fields_of(table.header, "contacts").header_of, *stated}
    is_event = {"type", "occurred_at"} <= found and (named or by_address or "contact_id" in found)
    if is_event:
        return "events"
    sold = {*fields_of(table.header, "items").header_of, *stated}
    personal = {*fields_of(table.header, "contacts").header_of} - {"id"}
    is_item = {"id", "name"} <= sold and {"price", "in_stock"} & sold and not personal
    return "items" if is_item else "contacts"


def _planned(path: Path, subject: Subject, options: Options, table: Table, roles: Roles, seen: _Pass) -> Plan:
    columns = tuple(
        _column(number, name, seen.counts.get(name) or ColumnCounts(name), table, roles, options, subject)
        for number, name in enumerate(table.header, start=1)
    )
    plan = Plan(
        path=path,
        subject=subject,
        options=options,
        table=table,
        rows=table.rows if table.rows is not None else seen.rows,
        unreadable=seen.unreadable,
        columns=columns,
        first_rows=tuple(shown(record, columns) for record in seen.first),
        shared_addresses=seen.shared_addresses(),
    )
    return replace(plan, warnings=tuple(warnings(plan, seen.repeated_ids())))


def _find_addresses(table: Table, roles: Roles, seen: _Pass) -> None:
    """Take the one column whose values are addresses as the contact's, where no name says which it is."""
    found = [
        name
        for name in table.header
        if roles.stated(name) is None
        and not roles.field_of(name)
        and (counts := seen.counts.get(name)) is not None
        and (personal := counts.personal(name)) is not None
        and (personal.kind, personal.by) == ("email", "values")
    ]
    if len(found) == 1:
        roles.give(found[0], "email")


def _column(
    number: int, name: str, counts: ColumnCounts, table: Table, roles: Roles, options: Options, subject: Subject
) -> PlannedColumn:
    decimal: Any = options.decimal
    order: Any = options.date_order if options.date_order != "ymd" else None
    field = roles.field_of(name)
    if field == "email" and subject == "events":
        if roles.column_of("contact_id") or "contact_id" in options.constants:
            use, target, reason = Use.LEFT_OUT, "", "an event is found by contact_id"
        else:
            use, target, reason = Use.HASHED, "email", BY_ADDRESS
    elif field:
        use, target = (Use.HASHED if field == "email" else Use.FIELD), field
        reason = "kept as a keyed hash only, to recognise the contact" if field == "email" else ""
    elif subject == "items":
        use, target, reason = Use.LEFT_OUT, "", "the catalogue keeps no more of an item"
    else:
        use, target, reason = _fate(number, name, counts, roles.stated(name), table)
    return PlannedColumn(
        number=number,
        name=name,
        use=use,
        target=target,
        type=counts.type(declared=table.declares_types, decimal=decimal, order=order),
        reason=reason,
        decimal=decimal or counts.decimal,
        order=order or counts.order,
        counts=counts.epoch if field in TIMES else None,
        mixes_texts=not table.declares_types,
    )


def _fate(number: int, name: str, counts: ColumnCounts, stated: str | None, table: Table) -> tuple[Use, str, str]:
    """Decide what becomes of a column that is no field: use, target and why."""
    personal = counts.personal(name)
    target = stated or name
    if stated == LEAVE_OUT:
        return Use.LEFT_OUT, "", "as you said"
    if stated is None and name == f"column {number}":
        return Use.LEFT_OUT, "", "it has no name"
    if stated is None and name in REJECT_COLUMNS and ".rejects." in table.layout.file:
        return Use.LEFT_OUT, "", "it says why the row was a reject"
    if len(target) > MAX_NAME:
        return Use.LEFT_OUT, "", f"its name is longer than {MAX_NAME} characters"
    if personal is not None and personal.treatment != "keep" and (stated is None or personal.kind == "email"):
        return Use.LEFT_OUT, "", personal.why
    if personal is not None:
        return Use.KEPT, target, f"{personal.why}: never a feature unless it is allowed"
    return Use.KEPT, target, ""


def _refuse_without(roles: Roles, table: Table, options: Options) -> None:
    missing = roles.missing(options.constants)
    if not missing:
        return
    header = table.header
    hints = [f'--map "X={target}"' for target in missing]
    first = " The first line looks like a row; the header is missing." if any(is_data(name) for name in header) else ""
    one = (
        f" Everything stands in one column: is it separated by something else than {table.layout.delimiter}?"
        if (len(header) == 1 and table.layout.delimiter)
        else ""
    )
    found = found_names(header)
    raise ColumnMissing(
        f"{table.layout.file} has no column {' and no column '.join(missing)}; found: {found}; "
        f"say {' '.join(hints)}.{first}{one}",
        found,
    )


def _check_options(options: Options, subject: Subject) -> None:
    targets = [target for target in options.renames.values() if target != LEAVE_OUT]
    for target in targets:
        if targets.count(target) > 1:
            raise BadRequest(f"--map gives {target} to two columns.")
    for name in options.constants:
        if name not in FIELDS[subject]:
            raise BadRequest(f"--set: {name} is no field; the fields are {', '.join(FIELDS[subject])}.")
    if options.timezone is not None:
        try:
            zone_of(options.timezone)
        except Unreadable:
            raise BadRequest("--timezone: give an IANA time zone such as Europe/Berlin.") from None
    if options.date_order not in (None, "ymd", "dmy", "mdy"):
        raise BadRequest("--date-order: give ymd, dmy or mdy.")
    if options.decimal not in (None, "point", "comma"):
        raise BadRequest("--decimal: give point or comma.")
