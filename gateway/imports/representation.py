"""What is answered about an import: its row, and what its files still show."""

from typing import Any, Final

from gateway.context import AuthenticatedRequest
from gateway.imports.schemas import (
    ImportAnswer,
    ImportColumn,
    ImportCounts,
    ImportFailure,
    ImportFirstRow,
    ImportOptions,
    ImportPlan,
    ImportProgress,
    ImportReject,
    ImportSummary,
    UndoCounts,
    UndoneCounts,
)
from shared.contracts.rows import instant_of, instant_or_none
from shared.imports.files import ImportFiles
from shared.store import ImportRow

_GIVEN: Final = ("timezone", "date_order", "decimal", "encoding", "delimiter", "sheet")


def summary_of(authenticated: AuthenticatedRequest, row: ImportRow, last: str | None) -> ImportSummary:
    """Lay out an import.

    Args:
        authenticated: the request.
        row: the import.
        last: id of the one that was loaded last.
    """
    return ImportSummary(**_facts(authenticated, row, last))


def answer_of(authenticated: AuthenticatedRequest, row: ImportRow) -> ImportAnswer:
    """Lay out an import with what was understood of its file."""
    result = row.result or {}
    return ImportAnswer(
        **_facts(authenticated, row, authenticated.store.imports.last_loaded()),
        options=_options(row),
        plan=None if row.plan is None else _plan(authenticated, row, row.plan),
        notes=list(result.get("notes", ())),
        first_rejects=[ImportReject(**one) for one in result.get("rejects", ())],
    )


def _options(row: ImportRow) -> ImportOptions:
    return ImportOptions(
        columns=row.options.get("renames") or {},
        constants=row.options.get("constants") or {},
        **{name: row.options.get(name) for name in _GIVEN},
    )


def _facts(authenticated: AuthenticatedRequest, row: ImportRow, last: str | None) -> dict[str, Any]:
    error, result = row.error, row.result or {}
    undone = result.get("undone")
    base = authenticated.gateway.settings.public_url or ""
    return {
        "id": row.import_id,
        "status": row.state,
        "kind": row.kind,
        "filename": row.filename,
        "bytes": row.bytes,
        "progress": ImportProgress(rows=row.rows, done=row.rows_done, share=row.progress),
        "counts": _counts(row),
        "problem": result.get("problem"),
        "error": None
        if error is None
        else ImportFailure(code=error["code"], detail=error["detail"], columns=error.get("columns")),
        "undo": _undo(authenticated, row) if row.import_id == last else None,
        "undone": None if undone is None else UndoneCounts(**undone, contacts_updated=row.contacts_updated),
        "rejects": f"{base}/imports/{row.import_id}/rejects" if row.has_rejects and result else None,
        "created_at": instant_of(row.created_at),
        "started_at": instant_or_none(row.started_at),
        "finished_at": instant_or_none(row.finished_at),
    }


def _counts(row: ImportRow) -> ImportCounts | None:
    if row.recorded_at is None:
        return None
    result = row.result or {}
    made = result.get("made", {"contacts": row.contacts_made, "events": row.events_made})
    unchanged: int | None = None
    if "rows" in result:
        changed = {
            "events": made["events"],
            "items": row.items_made + row.items_updated,
        }.get(row.kind or "", made["contacts"] + row.contacts_updated)
        unchanged = max(0, result["rows"] - result["rejected"] - result["erased"] - changed)
    return ImportCounts(
        contacts_created=made["contacts"],
        contacts_updated=row.contacts_updated,
        events=made["events"],
        items_created=row.items_made,
        items_updated=row.items_updated,
        unchanged=unchanged,
        rejected=result.get("rejected"),
        erased=result.get("erased"),
    )


def _undo(authenticated: AuthenticatedRequest, row: ImportRow) -> UndoCounts | None:
    if row.state not in ("loaded", "failed"):
        return None
    return UndoCounts(
        contacts=authenticated.store.imports.made_contacts(row.import_id),
        events=row.events_made,
        contacts_updated=row.contacts_updated,
    )


def _plan(authenticated: AuthenticatedRequest, row: ImportRow, plan: Any) -> ImportPlan:
    files = ImportFiles(authenticated.gateway.settings.files_folder)
    # Whom an erasure has yet to take out of the file may stand in its first rows.
    is_whole = row.has_file and not authenticated.store.imports.erasures(row.import_id)
    first_rows = files.of(authenticated.store.account, row.import_id).first_rows() if is_whole else []
    columns = [
        ImportColumn(**{"target" if name == "as" else name: value for name, value in column.items()})
        for column in plan["columns"]
    ]
    named = ("format", "encoding", "delimiter", "sheet", "rows", "readable", "rejected", "notes")
    return ImportPlan(
        **{name: plan[name] for name in named},
        columns=columns,
        first_rows=[ImportFirstRow(one) for one in first_rows],
        rejects=[ImportReject(**one) for one in plan["rejects"]],
    )
