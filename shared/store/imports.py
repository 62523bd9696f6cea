"""Imports of an account: which file is to be checked, loaded or undone, under which lease, and what came of it."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, or_

from shared.contracts.rows import Microseconds, import_instant
from shared.errors import Conflict, NotFound
from shared.store.import_tables import (
    WORKED_ON,
    ImportContactTable,
    ImportErasureTable,
    ImportLease,
    ImportRow,
    ImportTable,
    claimed,
)
from shared.store.import_undo import ImportUndo
from shared.store.scope import AccountConnection, Scope, take_turn

_JSON = ("options", "plan", "result", "error")
_COLUMNS = tuple(ImportTable.__table__.c[name] for name in ImportRow._fields)
_IDLE = {"claim": None, "leased_until": None, "attempts": 0}
_MARKS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Imports:
    """The imports of one account."""

    _scope: Scope

    def create(self, row: ImportRow, *, most_open: int) -> None:
        """Keep a new import, whose file is in its place; joins an open transaction.

        Args:
            row: uploaded.
            most_open: how many files may wait to be loaded.

        Raises:
            Conflict: so many wait already.
        """
        table = ImportTable
        with self._scope.writing() as connection:
            take_turn(connection)  # two that come at once must not both be the last one
            counted = connection.select(func.count(), of=table).where(table.has_file.is_(True))
            if (connection.scalar(counted) or 0) >= most_open:
                raise Conflict(
                    f"{most_open} uploaded files wait to be loaded already; load or delete one.", max_imports=most_open
                )
            connection.insert(table, [_stored(row)])
            connection.audit("import.created", row.import_id, at=row.created_at)

    def find(self, import_id: str) -> ImportRow | None:
        """Find an import."""
        with self._scope.reading() as connection:
            return _found(connection, ImportTable.import_id == import_id)

    def page(self, limit: int, after: tuple[Microseconds, str] | None = None) -> list[ImportRow]:
        """List imports, newest first.

        Args:
            limit: how many at most.
            after: `created_at` and id of the last one of the page before.
        """
        table = ImportTable
        statement = self._scope.select(*_COLUMNS)
        if after is not None:
            at, last = after
            older = (table.created_at < at) | ((table.created_at == at) & (table.import_id < last))
            statement = statement.where(older)
        statement = statement.order_by(table.created_at.desc(), table.import_id.desc()).limit(limit)
        with self._scope.reading() as connection:
            return [_row(dict(found._mapping)) for found in connection.execute(statement)]

    def last_loaded(self) -> str | None:
        """Return the id of the import that was loaded last, in part too, unless it was undone; None: there is none."""
        with self._scope.reading() as connection:
            return _last_loaded(connection)

    def made_contacts(self, import_id: str) -> int:
        """Count the contacts that an import made, and that nobody else has put since; of the last one only."""
        table = ImportContactTable
        statement = self._scope.select(func.count(), of=table).where(table.import_id == import_id)
        with self._scope.reading() as connection:
            return connection.scalar(statement) or 0

    def change(self, import_id: str, *, kind: str | None, options: Mapping[str, Any]) -> ImportRow:
        """Say more about a file that is not loaded yet; it is checked again.

        Args:
            import_id: which.
            kind: what its rows are; None: as its columns show.
            options: all of them.

        Raises:
            NotFound: there is none.
            Conflict: it is loaded, or its file is gone.
        """
        with self._scope.writing() as connection:
            row = _held(connection, import_id)
            if row.state not in ("uploaded", "checked", "failed") or not row.has_file or row.recorded_at is not None:
                raise Conflict(_no_more(row, "changed"))
            changed = {"kind": kind, "options": json.dumps(dict(options), sort_keys=True)}
            _set(
                connection,
                import_id,
                state="uploaded",
                plan=None,
                error=None,
                progress=0.0,
                finished_at=None,
                **changed,
                **_IDLE,
            )
            return _found(connection, ImportTable.import_id == import_id) or row

    def request_load(self, import_id: str, options: Mapping[str, Any], *, at: Microseconds) -> ImportRow:
        """Let a checked file be loaded; one that failed on the way goes on. Asked twice, it is loaded once.

        Args:
            import_id: which.
            options: all of them, with what only loading needs.
            at: now.

        Raises:
            NotFound: there is none.
            Conflict: it was not checked, or is loaded.
        """
        with self._scope.writing() as connection:
            take_turn(connection)  # each gets an instant of its own
            row = _held(connection, import_id)
            if row.state == "loading":
                return row
            if row.state not in ("checked", "failed") or row.plan is None or not row.has_file:
                raise Conflict(_no_more(row, "loaded"))
            changed: dict[str, Any] = {
                "state": "loading",
                "has_rejects": True,
                "error": None,
                "finished_at": None,
                "progress": 0.0,
                "rows_done": 0,
            }
            if row.recorded_at is None:
                last = connection.scalar(connection.select(func.max(ImportTable.recorded_at))) or 0
                changed["recorded_at"] = max(import_instant(at), last + 2)
            written = json.dumps(dict(options), sort_keys=True)
            _set(connection, import_id, **changed, options=written, **_IDLE)
            connection.audit("import.load_requested", import_id, at=at)
            return _found(connection, ImportTable.import_id == import_id) or row

    def request_undo(self, import_id: str, *, at: Microseconds) -> ImportRow:
        """Let what the last import stored first be removed.

        Raises:
            NotFound: there is none.
            Conflict: it is not the last one that was loaded.
        """
        with self._scope.writing() as connection:
            take_turn(connection)
            row = _held(connection, import_id)
            if row.state == "undoing":
                return row
            if row.state not in ("loaded", "failed") or _last_loaded(connection) != import_id:
                raise Conflict(
                    "Only the import of contacts or events that was loaded last can be undone, and only once."
                )
            # What there was to remove is kept: the counts go down with what is removed.
            made = {"made": {"contacts": row.contacts_made, "events": row.events_made}}
            result = json.dumps({**(row.result or {}), **made}, sort_keys=True)
            _set(connection, import_id, state="undoing", error=None, progress=0.0, rows_done=0, result=result, **_IDLE)
            connection.audit("import.undo_requested", import_id, at=at)
            return _found(connection, ImportTable.import_id == import_id) or row

    def delete(self, import_id: str, *, at: Microseconds) -> None:
        """Forget an import; what it loaded stays. Its files are the caller's to remove.

        Raises:
            NotFound: there is none.
            Conflict: it is being loaded or undone.
        """
        with self._scope.writing() as connection:
            row = _held(connection, import_id)
            table = ImportTable
            held = connection.select(table.leased_until).where(table.import_id == import_id)
            if row.state in ("loading", "undoing") and (connection.scalar(held) or 0) > at:
                raise Conflict(f"This import is {row.state}; wait until that has ended.")
            _forget(connection, import_id)
            connection.audit("import.deleted", import_id, at=at)

    def take(self, lease: ImportLease, *, at: Microseconds, until: Microseconds) -> ImportRow | None:
        """Lease an import on which there is something to do; None: it is somebody else's, or nothing is."""
        table = ImportTable
        with self._scope.writing() as connection:
            values = {
                "claim": lease.claim,
                "leased_until": until,
                "attempts": table.attempts + 1,
                "started_at": func.coalesce(table.started_at, at),
            }
            mine = connection.update(table).where(table.import_id == lease.import_id, waiting(at))
            if connection.execute(mine.values(values)).rowcount == 0:
                return None
            return _found(connection, table.import_id == lease.import_id)

    def renew(self, lease: ImportLease, *, until: Microseconds) -> bool:
        """Hold a lease for longer; False: it was lost."""
        return self._set_own(lease, leased_until=until)

    def advance(self, lease: ImportLease, progress: float, rows_done: int) -> bool:
        """Note how far the work is; False: the lease was lost."""
        return self._set_own(lease, progress=progress, rows_done=rows_done)

    def checked(self, lease: ImportLease, kind: str, plan: Mapping[str, Any], *, rows: int) -> bool:
        """Note what was understood of a file; False: the lease was lost."""
        written = json.dumps(dict(plan), sort_keys=True)
        done = {"state": "checked", "progress": 1.0, "rows_done": rows, "error": None, **_IDLE}
        return self._set_own(lease, kind=kind, plan=written, rows=rows, **done)

    def loaded(self, lease: ImportLease, result: Mapping[str, Any], *, rows: int, at: Microseconds) -> bool:
        """End an import whose file is in the store; False: the lease was lost."""
        done = {"state": "loaded", "progress": 1.0, "rows": rows, "rows_done": rows, "finished_at": at, **_IDLE}
        done["has_rejects"] = bool(result.get("rejected") or result.get("erased"))
        return self._set_own(lease, result=json.dumps(dict(result), sort_keys=True), **done)

    def undone(self, lease: ImportLease, result: Mapping[str, Any], *, at: Microseconds) -> bool:
        """End an undo; False: the lease was lost."""
        done = {"state": "undone", "progress": 1.0, "finished_at": at, **_IDLE}
        return self._set_own(lease, result=json.dumps(dict(result), sort_keys=True), **done)

    def fail(self, lease: ImportLease, error: Mapping[str, Any], *, at: Microseconds) -> bool:
        """End what was to be done, for it cannot be; False: the lease was lost."""
        failed = {"state": "failed", "error": json.dumps(dict(error), sort_keys=True), "finished_at": at}
        return self._set_own(lease, **failed, **_IDLE)

    def release(self, lease: ImportLease, *, at: Microseconds) -> bool:
        """Give an import back before its end, for whoever takes it from an instant on; False: the lease was lost."""
        return self._set_own(lease, claim=None, leased_until=at, attempts=0)

    def undo(self, lease: ImportLease, row: ImportRow) -> ImportUndo:
        """Return what removes what an import stored first."""
        return ImportUndo(self._scope, lease, row)

    def forget_marks(self, lease: ImportLease) -> int:
        """Drop some marks of the imports before this one; return how many."""
        table = ImportContactTable
        others = self._scope.select(table.contact_id).where(table.import_id != lease.import_id).limit(_MARKS_AT_ONCE)
        with self._scope.writing() as connection:
            ids = list(connection.scalars(others))
            if ids:
                connection.execute(connection.delete(table).where(table.contact_id.in_(ids)))
        return len(ids)

    def drop_file(self, import_id: str, error: Mapping[str, Any] | None = None, *, at: Microseconds) -> bool:
        """Note that the uploaded file is gone; an import that is not loaded has failed by it.

        Returns:
            False: somebody works on it just now, and nothing is changed.
        """
        table = ImportTable
        unled = or_(table.leased_until.is_(None), table.leased_until <= at)
        values: dict[str, Any] = {"has_file": False}
        if error is not None:
            values |= {"state": "failed", "error": json.dumps(dict(error), sort_keys=True), "finished_at": at, **_IDLE}
        with self._scope.writing() as connection:
            mine = connection.update(table).where(table.import_id == import_id, unled)
            return connection.execute(mine.values(**values)).rowcount > 0

    def drop_rejects_before(self, at: Microseconds) -> list[str]:
        """Note that imports that ended before an instant keep no rejects; return their ids, for the files to go."""
        table = ImportTable
        old = (table.finished_at < at, table.has_rejects.is_(True), table.state.not_in(WORKED_ON))
        with self._scope.reading() as connection:
            ids = sorted(connection.scalars(self._scope.select(table.import_id).where(*old)))
        if ids:
            with self._scope.writing() as connection:
                mine = connection.update(table).where(table.import_id.in_(ids), *old)
                connection.execute(mine.values(has_rejects=False))
        return ids

    def with_files(self) -> list[ImportRow]:
        """List the imports whose uploaded file is still there, the oldest first."""
        table = ImportTable
        statement = self._scope.select(*_COLUMNS).where(table.has_file.is_(True)).order_by(table.created_at)
        with self._scope.reading() as connection:
            return [_row(dict(found._mapping)) for found in connection.execute(statement)]

    def delete_before(self, at: Microseconds, *, limit: int = 1_000) -> int:
        """Delete the record of imports that ended before an instant; return how many."""
        table = ImportTable
        ended = (table.finished_at < at, table.state.not_in(WORKED_ON), table.has_file.is_(False))
        with self._scope.writing() as connection:
            ids = list(connection.scalars(self._scope.select(table.import_id).where(*ended).limit(limit)))
            for import_id in ids:
                _forget(connection, import_id)
        return len(ids)

    def erasures(self, import_id: str) -> set[tuple[str, str]]:
        """Return kind and keyed hash of those who are to be taken out of an import's files."""
        table = ImportErasureTable
        mine = self._scope.select(table.kind, table.key_hash).where(table.import_id == import_id)
        with self._scope.reading() as connection:
            return {(kind, key_hash) for kind, key_hash in connection.execute(mine)}

    def with_erasures(self) -> list[str]:
        """List the imports out of whose files somebody is to be taken."""
        table = ImportErasureTable
        with self._scope.reading() as connection:
            return sorted(connection.scalars(self._scope.select(table.import_id).distinct()))

    def forget_erasures(self, import_id: str, identities: Collection[tuple[str, str]]) -> None:
        """Note that some are in an import's files no longer."""
        table = ImportErasureTable
        with self._scope.writing() as connection:
            for kind, key_hash in sorted(identities):
                mine = (table.import_id == import_id, table.kind == kind, table.key_hash == key_hash)
                connection.execute(connection.delete(table).where(*mine))

    def _set_own(self, lease: ImportLease, **values: Any) -> bool:
        with self._scope.writing() as connection:
            mine = connection.update(ImportTable).where(*claimed(lease))
            return connection.execute(mine.values(**values)).rowcount > 0


def note_import_erasure(
    connection: AccountConnection, identities: Collection[tuple[str, str]], *, at: Microseconds
) -> None:
    """Note, in the transaction of an erasure, whom to take out of the files of every import that may have any.

    Args:
        connection: of the transaction.
        identities: kind and keyed hash of what the contact is known by.
        at: now.
    """
    table = ImportTable
    with_files = connection.select(table.import_id).where(table.has_file.is_(True) | table.has_rejects.is_(True))
    rows = [
        {"import_id": import_id, "kind": kind, "key_hash": key_hash, "erased_at": at}
        for import_id in sorted(connection.scalars(with_files))
        for kind, key_hash in sorted(identities)
    ]
    connection.insert_missing(ImportErasureTable, rows)


def waiting(at: Microseconds) -> ColumnElement[bool]:
    """Say that there is something to do on an import, and that nobody does it."""
    table = ImportTable
    return table.state.in_(WORKED_ON) & or_(table.leased_until.is_(None), table.leased_until <= at)


def _no_more(row: ImportRow, what: str) -> str:
    if not row.has_file and row.state in ("checked", "failed"):
        return "The file of this import is gone; upload it again."
    return f"This import is {row.state}, and cannot be {what}."


def _last_loaded(connection: AccountConnection) -> str | None:
    """Find the import of contacts or events that was loaded last; None: none was, or the last one was undone."""
    table = ImportTable
    undoable = (table.recorded_at.is_not(None), table.kind.is_distinct_from("items"))
    ordered = connection.select(table.import_id, table.state).where(*undoable)
    found = connection.execute(ordered.order_by(table.recorded_at.desc()).limit(1)).first()
    return None if found is None or found.state == "undone" else str(found.import_id)


def _forget(connection: AccountConnection, import_id: str) -> None:
    for table in (ImportErasureTable, ImportTable):
        connection.execute(connection.delete(table).where(table.import_id == import_id))


def _set(connection: AccountConnection, import_id: str, **values: Any) -> None:
    connection.execute(connection.update(ImportTable).where(ImportTable.import_id == import_id).values(**values))


def _held(connection: AccountConnection, import_id: str) -> ImportRow:
    row = _found(connection, ImportTable.import_id == import_id, lock=True)
    if row is None:
        raise NotFound("There is no import of this id in this account; GET /imports lists them.")
    return row


def _found(connection: AccountConnection, *conditions: ColumnElement[bool], lock: bool = False) -> ImportRow | None:
    statement = connection.select(*_COLUMNS).where(*conditions)
    found = connection.execute(statement.with_for_update() if lock else statement).first()
    return None if found is None else _row(dict(found._mapping))


def _row(fields: dict[str, Any]) -> ImportRow:
    read = {name: None if fields[name] is None else json.loads(fields[name]) for name in _JSON}
    return ImportRow(**{**fields, **read})


def _stored(row: ImportRow) -> dict[str, Any]:
    fields = row._asdict()
    written = {name: None if fields[name] is None else json.dumps(fields[name], sort_keys=True) for name in _JSON}
    return {**fields, **written, "claim": None, "leased_until": None}
