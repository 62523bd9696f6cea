"""Routes of imports: a file is uploaded, checked, loaded by the worker, looked back at, undone, deleted."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Path
from starlette.responses import Response, StreamingResponse

from gateway.context import AuthenticatedRequest, CursorParam, IngestScope, LimitParam, created_response, json_response
from gateway.idempotency import idempotent
from gateway.imports.representation import answer_of, summary_of
from gateway.imports.schemas import (
    LEAVE_OUT,
    ImportAnswer,
    ImportChanges,
    ImportList,
    LoadRequest,
)
from gateway.imports.uploads import FilenameParam, KindParam, Received, ReceivedScope, TimezoneParam
from shared.batches.formats import neutral
from shared.batches.request import ANY_FILE
from shared.contracts.rows import now_us
from shared.errors import Conflict, NotFound, ResultNotReady
from shared.imports.files import ImportFiles
from shared.store import ImportRow

router = APIRouter(tags=["imports"])
ImportId = Annotated[str, Path(max_length=64, description="Of the import.")]
UPLOAD = {
    "requestBody": {
        "required": True,
        "content": {
            ANY_FILE: {
                "schema": {"type": "string", "format": "binary"},
                "example": "Record ID,Email,Lifecycle Stage\n1001,ann@example.com,lead\n",
            }
        },
    }
}
"""A file of contacts, events or items. Other media types are taken too; generators of clients know this one."""
REJECTS: dict[str, Any] = {
    "description": "Line, reason and cells of each row that could not be read; what a spreadsheet would take for a "
    "formula is quoted.",
    "content": {
        "text/csv": {"schema": {"type": "string", "format": "binary"}, "example": "line,reason,id\n4,id is empty,\n"}
    },
}
_GIVEN = ("timezone", "date_order", "decimal", "encoding", "delimiter", "sheet", "constants")
_ROWS_AT_ONCE = 1_000


@router.post(
    "/imports",
    response_model=ImportAnswer,
    status_code=201,
    operation_id="add_import",
    summary="Upload a file of contacts, events or items",
    openapi_extra=UPLOAD,
)
@idempotent
def add_import(
    authenticated: ReceivedScope,
    received: Received,
    filename: FilenameParam = "upload",
    kind: KindParam = None,
    timezone: TimezoneParam = None,
) -> Response:
    """Upload CSV, JSON or NDJSON (also .gz), an Excel workbook or Parquet: the body is the file itself.

    The worker checks it: `GET /imports/{import_id}` soon shows what was understood of each column. Nothing is stored
    before `POST /imports/{import_id}/load`.
    """
    store, import_id = authenticated.store, f"imp_{uuid4().hex[:16]}"
    folder = _files(authenticated).of(store.account, import_id)
    options = {} if timezone is None else {"timezone": timezone}
    by = authenticated.caller.public_id
    row = ImportRow(import_id, "uploaded", kind, filename, received.bytes, now_us(), by, options=options)
    try:
        folder.take_upload(received.upload, filename)
        store.imports.create(row, most_open=authenticated.gateway.settings.batches_open)
    except BaseException:
        folder.remove()
        raise
    return created_response(authenticated, answer_of(authenticated, row), f"/imports/{import_id}")


@router.get("/imports", response_model=ImportList, operation_id="list_imports", summary="List imports")
def list_imports(authenticated: IngestScope, limit: LimitParam = 100, cursor: CursorParam = None) -> Response:
    """List what was uploaded, newest first, a page at a time."""
    place = authenticated.read_cursor("imports", cursor)
    after = (int(place[0]), str(place[1])) if isinstance(place, list) else None
    rows = authenticated.store.imports.page(limit, after)
    final = rows[-1] if len(rows) == limit else None
    next_cursor = None if final is None else authenticated.next_cursor("imports", [final.created_at, final.import_id])
    last = authenticated.store.imports.last_loaded()
    found = [summary_of(authenticated, row, last) for row in rows]
    return json_response(ImportList(imports=found, next_cursor=next_cursor))


@router.get("/imports/{import_id}", response_model=ImportAnswer, operation_id="show_import", summary="Show an import")
def show_import(authenticated: IngestScope, import_id: ImportId) -> Response:
    """Show how far an import is, what was understood of the file, and what was stored of it."""
    return json_response(answer_of(authenticated, _known(authenticated, import_id)))


@router.patch(
    "/imports/{import_id}", response_model=ImportAnswer, operation_id="change_import", summary="Say what columns are"
)
@idempotent
def change_import(authenticated: IngestScope, import_id: ImportId, changes: ImportChanges) -> Response:
    """Say what columns become, or how the file is to be read; the worker checks it again."""
    row = _known(authenticated, import_id)
    options = {**row.options, **{name: getattr(changes, name) for name in _GIVEN if name in changes.model_fields_set}}
    renames = dict(options.get("renames") or {})
    for one in changes.columns:
        if one.target == "":
            renames.pop(one.column, None)
        else:
            renames[one.column] = LEAVE_OUT if one.target is None else one.target
    options["renames"] = renames
    kind = changes.kind if "kind" in changes.model_fields_set else row.kind
    return json_response(
        answer_of(authenticated, authenticated.store.imports.change(import_id, kind=kind, options=options))
    )


@router.post(
    "/imports/{import_id}/load",
    response_model=ImportAnswer,
    status_code=202,
    operation_id="load_import",
    summary="Load a checked file",
)
@idempotent
def load_import(authenticated: IngestScope, import_id: ImportId, requested: LoadRequest | None = None) -> Response:
    """Let the worker load the file; the same rows again change nothing, and a bad row becomes a reject."""
    row = _known(authenticated, import_id)
    static = [] if requested is None else requested.static
    options = {**row.options, **({"static": static} if static else {})}
    row = authenticated.store.imports.request_load(import_id, options, at=now_us())
    answer = answer_of(authenticated, row)
    return Response(answer.model_dump_json(), 202, media_type="application/json")


@router.get(
    "/imports/{import_id}/rejects",
    operation_id="export_import_rejects",
    summary="Fetch the rejects of an import",
    response_class=StreamingResponse,
    responses={200: REJECTS},
)
def export_rejects(authenticated: IngestScope, import_id: ImportId) -> Response:
    """Give the rows that could not be read as CSV, to be mended and uploaded again.

    Kept for 30 days unless set otherwise. Rows whose contacts were erased are named by line alone.
    """
    row = _known(authenticated, import_id)
    if authenticated.store.imports.erasures(import_id):
        raise ResultNotReady("A contact was erased; the rejects are being written again without them. Ask again soon.")
    file = _files(authenticated).of(authenticated.store.account, import_id).rejects()
    if not file.exists():
        raise Conflict(f"This import has no rejects: it is {row.state}.")
    headers = {"Content-Disposition": f'attachment; filename="{import_id}.rejects.csv"'}
    return StreamingResponse(_neutral_lines(file), media_type="text/csv; charset=utf-8", headers=headers)


@router.post(
    "/imports/{import_id}/undo",
    response_model=ImportAnswer,
    status_code=202,
    operation_id="undo_import",
    summary="Undo the last import",
)
@idempotent
def undo_import(authenticated: IngestScope, import_id: ImportId) -> Response:
    """Remove what the import that was loaded last stored first: its contacts and events, as `undo` counts them before.

    What it said of contacts that were known stays, and is counted there as well.

    An import of items is not undone: load the items of before, or switch off those that are too many.
    A contact of whom somebody else stored an event or a fact since stays; values that the file gave to contacts that
    were there before stay too.
    """
    row = authenticated.store.imports.request_undo(import_id, at=now_us())
    return Response(answer_of(authenticated, row).model_dump_json(), 202, media_type="application/json")


@router.delete("/imports/{import_id}", status_code=204, operation_id="delete_import", summary="Delete an import")
@idempotent
def delete_import(authenticated: IngestScope, import_id: ImportId) -> Response:
    """Delete the uploaded file, its rejects and the record of it; what was loaded stays, and cannot be undone then."""
    authenticated.store.imports.delete(import_id, at=now_us())
    if authenticated.transaction is None:
        _files(authenticated).of(authenticated.store.account, import_id).remove()
    return Response(status_code=204)


def _files(authenticated: AuthenticatedRequest) -> ImportFiles:
    return ImportFiles(authenticated.gateway.settings.files_folder)


def _known(authenticated: AuthenticatedRequest, import_id: str) -> ImportRow:
    row = authenticated.store.imports.find(import_id)
    if row is None:
        raise NotFound("There is no import of this id in this account; GET /imports lists them.")
    return row


def _neutral_lines(file: FilePath) -> Iterator[str]:
    """Give a file of rejects some rows at a time, with nothing in it that a spreadsheet would run."""
    target = io.StringIO()
    writer = csv.writer(target)
    with file.open(newline="", encoding="utf-8") as source:
        for number, cells in enumerate(csv.reader(source), 1):
            writer.writerow([neutral(cell) for cell in cells])
            if number % _ROWS_AT_ONCE == 0:
                yield target.getvalue()
                target.seek(0)
                target.truncate()
    yield target.getvalue()
