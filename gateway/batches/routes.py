"""Routes of batches: asked for, followed, fetched, cancelled, deleted. The worker makes the predictions."""

import os
from collections.abc import Iterator, Sequence
from typing import IO, Annotated, Any
from uuid import uuid4

import orjson
from fastapi import APIRouter, Path
from starlette.responses import Response, StreamingResponse

from gateway.batches.schemas import (
    ID,
    BatchAnswer,
    BatchError,
    BatchList,
    BatchModel,
    BatchProgress,
    ContactChoice,
    NewBatch,
    values_of,
)
from gateway.batches.uploads import Received, ReceivedBatch, ReceivedScope
from gateway.context import AuthenticatedRequest, CursorParam, LimitParam, PredictScope, ReadScope, json_response
from gateway.idempotency import idempotent
from shared.batches.files import BatchFiles, BatchFolder, moved, replacing
from shared.batches.request import ANY_FILE, MEDIA_TYPES, BatchRequest, ContactSelection
from shared.capabilities import capability
from shared.contracts.outcome import ModelName, known_outcomes
from shared.contracts.rows import Microseconds, instant_of, instant_or_none, microseconds, now_us
from shared.contracts.send_rules import PlanSummary, SendPlanOptions
from shared.errors import BadRequest, Conflict, NoModelTrained, NotFound, ResultNotReady, UnknownOutcome
from shared.store import AccountStore, BatchRow

router = APIRouter(tags=["batches"])
BatchId = Annotated[str, Path(pattern=ID, description="Of the batch.")]
CHUNK_BYTES = 262_144
UPLOAD = {
    "requestBody": {
        "content": {
            ANY_FILE: {
                "schema": {"type": "string", "format": "binary"},
                "example": '{"id": "c-42"}\n{"id": "c-43", "attributes": {"country": "FR"}}\n',
            }
        }
    }
}
"""A file of contacts. Further media types are taken; generators of clients know this one."""
RESULT = {
    "description": "The rows, one a contact and model, in the order of the contacts; as asked for in `format`.",
    "content": {
        media: {"schema": {"type": "string", "format": "binary"}, "example": example}
        for media, example in (
            ("application/x-ndjson", '{"capability": "scoring", "contact_id": "c-42", "probability": 0.41}\n'),
            ("text/csv", "contact_id,capability,probability\nc-42,scoring,0.41\n"),
            ("application/vnd.apache.parquet", "PAR1...PAR1"),
        )
    },
}


@router.post(
    "/batches",
    response_model=BatchAnswer,
    status_code=202,
    operation_id="add_batch",
    summary="Predict in the background",
    openapi_extra=UPLOAD,
)
@idempotent
def add_batch(authenticated: ReceivedScope, received: Received) -> Response:
    """Have the worker predict for any number of contacts: all, a segment, some attributes' or ids', or a file's.

    Contacts of the store are chosen in JSON. A file of contacts (NDJSON, CSV or Parquet) is the body itself, with the
    rest in the query; its kind is seen from its beginning, or named in Content-Type (`application/x-ndjson`,
    `text/csv`, `application/vnd.apache.parquet`). The answer comes at once; `GET /batches/{batch_id}` says how far it
    is.
    """
    requested, store, at = received.requested, authenticated.store, now_us()
    cutoff = at if requested.cutoff is None else microseconds(requested.cutoff)
    if cutoff > at + CLOCK_SLACK:
        raise BadRequest(
            "The cutoff must not lie in the future; leave it out to predict from now.",
            errors=[{"pointer": "/cutoff", "detail": "not in the future"}],
        )
    models = tuple(_model(store, name, requested.outcome) for name in dict.fromkeys(requested.capabilities))
    batch_id = f"bat_{uuid4().hex[:16]}"
    folder = _files(authenticated).of(store.account, batch_id)
    plan = _plan(requested.plan, cutoff) if isinstance(requested, NewBatch) else None
    request = BatchRequest(models, _choice(store, received), requested.reasons, requested.format, plan)
    row = BatchRow(batch_id, "queued", request.to_json(), at, authenticated.caller.public_id, cutoff)
    try:
        _put_contacts(received, folder)
        store.batches.create(row, most_open=authenticated.gateway.settings.batches_open)
    except BaseException:
        folder.remove()
        raise
    answer = _answer(authenticated, row)
    base = authenticated.gateway.settings.public_url or ""
    headers = {"Location": f"{base}/batches/{batch_id}"}
    return Response(answer.model_dump_json(), 202, media_type="application/json", headers=headers)


CLOCK_SLACK: Microseconds = 60_000_000
"""How far ahead of our clock a cutoff may lie: clocks differ."""


@router.get("/batches", response_model=BatchList, operation_id="list_batches", summary="List batches")
def list_batches(authenticated: ReadScope, limit: LimitParam = 100, cursor: CursorParam = None) -> Response:
    """List batches, newest first, a page at a time; kept for 7 days after their end unless set otherwise."""
    place = authenticated.read_cursor("batches", cursor)
    after = (int(place[0]), str(place[1])) if isinstance(place, list) else None
    rows = authenticated.store.batches.page(limit, after)
    last = rows[-1] if len(rows) == limit else None
    next_cursor = None if last is None else authenticated.next_cursor("batches", [last.created_at, last.batch_id])
    return json_response(BatchList(batches=[_answer(authenticated, row) for row in rows], next_cursor=next_cursor))


@router.get("/batches/{batch_id}", response_model=BatchAnswer, operation_id="show_batch", summary="Show a batch")
def show_batch(authenticated: ReadScope, batch_id: BatchId) -> Response:
    """Show how far a batch is: contacts done and in all, statuses, and where the result lies once it is completed."""
    return json_response(_answer(authenticated, _known(authenticated, batch_id)))


@router.get(
    "/batches/{batch_id}/result",
    operation_id="export_batch_result",
    summary="Fetch the result of a batch",
    response_class=StreamingResponse,
    responses={200: RESULT},
)
def export_batch_result(authenticated: ReadScope, batch_id: BatchId) -> Response:
    """Give the result as one file, in the format that was asked for; nobody is in it who was erased since."""
    row = _known(authenticated, batch_id)
    if row.result is None:
        raise Conflict(f"This batch has no result: it is {row.state}.")
    if authenticated.store.batches.erasures(batch_id):
        raise ResultNotReady("A contact was erased; the result is being written again without them. Ask again soon.")
    request = BatchRequest.from_json(row.request)
    file = _files(authenticated).of(authenticated.store.account, batch_id).result(row.result)
    try:
        opened = file.open("rb")
    except FileNotFoundError as error:
        raise NotFound(
            "The result of this batch does not lie in the folder FORETELL_FILES of this gateway; is it the worker's?"
        ) from error
    headers = {
        "Content-Length": str(os.fstat(opened.fileno()).st_size),
        "Content-Disposition": f'attachment; filename="{batch_id}{file.suffix}"',
    }
    return StreamingResponse(_chunks(opened), media_type=MEDIA_TYPES[request.format], headers=headers)


@router.post(
    "/batches/{batch_id}/cancel", response_model=BatchAnswer, operation_id="cancel_batch", summary="Cancel a batch"
)
@idempotent
def cancel_batch(authenticated: PredictScope, batch_id: BatchId) -> Response:
    """Let a batch that waits or runs go no further; what was written of it is removed."""
    row = authenticated.store.batches.cancel(batch_id, at=now_us())
    _remove_files(authenticated, batch_id)
    return json_response(_answer(authenticated, row))


@router.delete("/batches/{batch_id}", status_code=204, operation_id="delete_batch", summary="Delete a batch")
@idempotent
def delete_batch(authenticated: PredictScope, batch_id: BatchId) -> Response:
    """Delete a batch with its files, in whatever state it is."""
    authenticated.store.batches.delete(batch_id, at=now_us())
    _remove_files(authenticated, batch_id)
    return Response(status_code=204)


def _model(store: AccountStore, name: str, outcome: str | None) -> ModelName:
    """Find the outcome of a capability, and that a model answers.

    Raises:
        UnknownOutcome: it is not defined, or none was named and there is no default.
        NoModelTrained: no version was promoted.
    """
    found = ""
    if capability(name).per_outcome:
        known = sorted(one.name for one in store.outcomes.of(name))
        found = outcome or store.outcomes.default(name) or ""
        if found not in known:
            cause = "The outcome is not defined" if found else "Name an outcome: this account has no default"
            raise UnknownOutcome(f"{cause} for {name}. {known_outcomes(name, known)}", outcomes=known)
    if store.models.champion(name, found) is None:
        command = f"foretell train {name}" + (f" --outcome {found}" if found else "")
        raise NoModelTrained(
            f"No model has been trained for {name} yet. Train one with `{command}`.", outcome=found or None
        )
    return ModelName(name, found)


def _plan(plan: SendPlanOptions | None, cutoff: Microseconds) -> dict[str, Any] | None:
    """Return the options of a plan as they are kept.

    Raises:
        BadRequest: the window is too long, as the worker would find out, or lies wholly in the past.
    """
    if plan is None:
        return None
    begins, ends = plan.window.bounds(cutoff, pointer="/plan/window")
    if ends <= begins:
        sentence = (
            f"The window of the plan ends at {instant_of(ends):%Y-%m-%d %H:%M} UTC, and nothing can be sent before "
            f"{instant_of(begins):%Y-%m-%d %H:%M} UTC: give a later `not_after`."
        )
        raise BadRequest(sentence, errors=[{"pointer": "/plan/window", "detail": sentence}])
    return plan.model_dump(mode="json", by_alias=True)


def _choice(store: AccountStore, received: ReceivedBatch) -> ContactSelection:
    if received.upload is not None:
        return ContactSelection("upload", upload=received.ending)
    chosen: Any = getattr(received.requested, "contacts", None)
    if not isinstance(chosen, ContactChoice):
        return ContactSelection("all")
    if chosen.segment is not None:
        _require_segment(store, chosen.segment)
        return ContactSelection("segment", segment=chosen.segment)
    return (
        ContactSelection("upload", upload="ndjson")
        if chosen.ids is not None
        else ContactSelection("attributes", attributes=values_of(chosen))
    )


def _require_segment(store: AccountStore, segment_id: str) -> None:
    champion = store.models.champion("segmentation", "")
    row = None if champion is None else store.models.version("segmentation", "", champion.version)
    if row is None:
        raise NoModelTrained("No segments were found yet. Find them with `foretell train segmentation`.")
    known = [str(one["id"]) for one in row.report["segments"]]
    if segment_id not in known:
        detail = f"There is no such segment; there are {', '.join(known)}."
        raise BadRequest(detail, errors=[{"pointer": "/contacts/segment", "detail": detail}])


def _put_contacts(received: ReceivedBatch, folder: BatchFolder) -> None:
    """Put contacts that the request names into a file: the store keeps no id of them, and an erasure finds the file."""
    if received.upload is not None:
        moved(received.upload, folder.upload(received.ending))
        return
    chosen: Any = getattr(received.requested, "contacts", None)
    ids: Sequence[str] | None = chosen.ids if isinstance(chosen, ContactChoice) else None
    if ids is not None:
        with replacing(folder.upload("ndjson")) as target:
            target.writelines(orjson.dumps({"id": one}) + b"\n" for one in ids)


def _files(authenticated: AuthenticatedRequest) -> BatchFiles:
    return BatchFiles(authenticated.gateway.settings.files_folder)


def _remove_files(authenticated: AuthenticatedRequest, batch_id: str) -> None:
    """Remove the files of a batch that was cancelled or deleted; inside a transaction, the worker does it later."""
    if authenticated.transaction is None:
        _files(authenticated).of(authenticated.store.account, batch_id).remove()


def _known(authenticated: AuthenticatedRequest, batch_id: str) -> BatchRow:
    row = authenticated.store.batches.find(batch_id)
    if row is None:
        raise NotFound("There is no batch of this id in this account; GET /batches lists them.")
    return row


def _chunks(opened: IO[bytes]) -> Iterator[bytes]:
    with opened:
        while chunk := opened.read(CHUNK_BYTES):
            yield chunk


def _answer(authenticated: AuthenticatedRequest, row: BatchRow) -> BatchAnswer:
    request = BatchRequest.from_json(row.request)
    versions = {one["capability"]: one["version"] for one in row.models or ()}
    base = authenticated.gateway.settings.public_url or ""
    return BatchAnswer(
        id=row.batch_id,
        status=row.state,
        models=[
            BatchModel(capability=one.capability, outcome=one.outcome or None, version=versions.get(one.capability))
            for one in request.models
        ],
        reasons=request.reasons,
        cutoff=instant_of(row.cutoff),
        format=request.format,
        progress=BatchProgress(contacts=row.contacts, done=row.contacts_done),
        statuses={name: dict(counts) for name, counts in row.statuses.items()},
        plan=None if row.summary is None else PlanSummary(**row.summary),
        error=None if row.error is None else BatchError(**row.error),
        result=f"{base}/batches/{row.batch_id}/result" if row.result is not None else None,
        created_at=instant_of(row.created_at),
        started_at=instant_or_none(row.started_at),
        finished_at=instant_or_none(row.finished_at),
    )
