"""Routes that train, promote and roll back models, as rows that the worker reads; and a model's history."""

from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Path
from starlette.responses import Response

from gateway.context import AdminScope, AuthenticatedRequest, CursorParam, LimitParam, ReadScope, json_response
from gateway.idempotency import idempotent
from gateway.models.command_schemas import (
    ID,
    CommandError,
    CommandProgress,
    HistoryEntry,
    HistoryList,
    PromotionAnswer,
    PromotionRequest,
    RollbackRequest,
    TrainingAnswer,
    TrainingList,
    TrainingRequest,
    TrainingResult,
)
from gateway.models.names import NamedModel
from shared.contracts.outcome import ModelName
from shared.contracts.prediction import Answer
from shared.contracts.rows import instant_of, instant_or_none, now_us
from shared.errors import Conflict, NotFound
from shared.store import AuditRow, CommandKind, ModelCommandRow
from shared.store.model_commands import new_command_id

router = APIRouter(tags=["models"])
CommandId = Annotated[str, Path(pattern=ID, description="Of the command.")]


@router.post(
    "/models/{name}/train",
    response_model=TrainingAnswer,
    status_code=202,
    operation_id="train_model",
    summary="Train a model",
    responses={200: {"model": TrainingAnswer, "description": "One waits or runs already: this one."}},
)
@idempotent
def train_model(authenticated: AdminScope, name: NamedModel, requested: TrainingRequest | None = None) -> Response:
    """Have the worker train a model on what the store knows, and let it answer if it passes the gate.

    The answer comes at once; `GET /models/{name}/trainings/{training_id}` says how far it is. Of a model there is one
    training at a time: while one waits or runs, whoever asked for it, that one is the answer (200). Columns that were
    allowed or forbidden at a training on the command line are so here too. Whatever goes wrong, what answers stays.
    """
    model, store = ModelName(*name), authenticated.store
    if model.outcome and store.outcomes.find(*model) is None:
        raise NotFound(f"There is no {model.capability} outcome {model.outcome!r}; GET /outcomes lists them.")
    wanted = requested or TrainingRequest()
    row, is_new = store.models.commands.request(
        _row(authenticated, "train", model, {"promote": wanted.promote}, wanted.reason)
    )
    return _accepted(authenticated, _training(row), f"/models/{name.text}/trainings/{row.command_id}", is_new=is_new)


@router.get(
    "/models/{name}/trainings",
    response_model=TrainingList,
    operation_id="list_trainings",
    summary="List the trainings of a model",
)
def list_trainings(
    authenticated: ReadScope, name: NamedModel, limit: LimitParam = 100, cursor: CursorParam = None
) -> Response:
    """List the trainings of a model, whoever asked for them, newest first; kept as long as the audit log."""
    purpose = f"trainings\n{name.text}"
    place: Any = authenticated.read_cursor(purpose, cursor)
    after = None if place is None else (int(place[0]), str(place[1]))
    rows = authenticated.store.models.commands.page(ModelName(*name), "train", limit, after)
    last = rows[-1] if len(rows) == limit else None
    next_cursor = None if last is None else authenticated.next_cursor(purpose, [last.created_at, last.command_id])
    return json_response(TrainingList(trainings=[_training(row) for row in rows], next_cursor=next_cursor))


@router.get(
    "/models/{name}/trainings/{training_id}",
    response_model=TrainingAnswer,
    operation_id="show_training",
    summary="Show a training",
)
def show_training(authenticated: ReadScope, name: NamedModel, training_id: CommandId) -> Response:
    """Show how far a training is, and what became of it."""
    return json_response(_training(_known(authenticated, ModelName(*name), training_id, "train")))


@router.post(
    "/models/{name}/trainings/{training_id}/cancel",
    response_model=TrainingAnswer,
    operation_id="cancel_training",
    summary="Cancel a training",
)
@idempotent
def cancel_training(authenticated: AdminScope, name: NamedModel, training_id: CommandId) -> Response:
    """Let a training that waits or runs go no further; once its version is being registered it is too late (409)."""
    _known(authenticated, ModelName(*name), training_id, "train")
    return json_response(_training(authenticated.store.models.commands.cancel(training_id, at=now_us())))


@router.post(
    "/models/{name}/promote",
    response_model=PromotionAnswer,
    status_code=202,
    operation_id="promote_model",
    summary="Let a version answer",
)
@idempotent
def promote_model(authenticated: AdminScope, name: NamedModel, requested: PromotionRequest) -> Response:
    """Have the worker promote a registered version, whatever the gate said of it; services serve it within seconds.

    `GET /models/{name}/promotions/{promotion_id}` says what became of it. While the registry is away it fails and
    leaves all as it was.
    """
    model, store = ModelName(*name), authenticated.store
    if store.models.version(*model, requested.version) is None:
        known = [row.version for row in store.models.versions(*model)]
        detail = f"There is no version {requested.version} of {name.text}; there are: {', '.join(known) or 'none'}."
        raise NotFound(detail, versions=known)
    return _switched(authenticated, "promote", model, {"version": requested.version}, requested.reason)


@router.post(
    "/models/{name}/rollback",
    response_model=PromotionAnswer,
    status_code=202,
    operation_id="rollback_model",
    summary="Let the version before answer again",
)
@idempotent
def rollback_model(authenticated: AdminScope, name: NamedModel, requested: RollbackRequest | None = None) -> Response:
    """Have the worker bring the version before the champion back; a second rollback undoes the first.

    It needs no registry: MLflow's alias follows when that is there.
    """
    model = ModelName(*name)
    champion = authenticated.store.models.champion(*model)
    if champion is None or champion.previous_version is None:
        raise Conflict("There is no earlier champion to return to; promote a version instead.")
    return _switched(authenticated, "rollback", model, {}, (requested or RollbackRequest()).reason)


@router.get(
    "/models/{name}/promotions/{promotion_id}",
    response_model=PromotionAnswer,
    operation_id="show_promotion",
    summary="Show a promotion or rollback",
)
def show_promotion(authenticated: ReadScope, name: NamedModel, promotion_id: CommandId) -> Response:
    """Show what became of a promotion or rollback; `GET /models/{name}/history` shows all of them."""
    return json_response(_promotion(_known(authenticated, ModelName(*name), promotion_id, "promote", "rollback")))


@router.get(
    "/models/{name}/history",
    response_model=HistoryList,
    operation_id="list_model_history",
    summary="Show what happened to a model",
)
def list_model_history(
    authenticated: ReadScope, name: NamedModel, limit: LimitParam = 100, cursor: CursorParam = None
) -> Response:
    """List who trained, refused, promoted and rolled back versions of a model, when, why and by which figures."""
    purpose = f"history\n{name.text}"
    place: Any = authenticated.read_cursor(purpose, cursor)
    rows = authenticated.store.audit.page(limit, before=place, model=name.text)
    next_cursor = authenticated.next_cursor(purpose, rows[-1].number) if len(rows) == limit else None
    return json_response(HistoryList(entries=[_entry(row) for row in rows], next_cursor=next_cursor))


def _row(
    authenticated: AuthenticatedRequest, kind: CommandKind, model: ModelName, payload: dict[str, Any], reason: str
) -> ModelCommandRow:
    requested_by = authenticated.caller.public_id
    return ModelCommandRow(new_command_id(), kind, *model, now_us(), requested_by, reason, payload)


def _switched(
    authenticated: AuthenticatedRequest, kind: CommandKind, model: ModelName, payload: dict[str, Any], reason: str
) -> Response:
    row, _ = authenticated.store.models.commands.request(_row(authenticated, kind, model, payload, reason))
    return _accepted(authenticated, _promotion(row), f"/models/{model.text}/promotions/{row.command_id}", is_new=True)


def _accepted(authenticated: AuthenticatedRequest, answer: Answer, path: str, *, is_new: bool) -> Response:
    """Return the answer with its path in `Location`: 202, or 200 where it was asked for before."""
    base = authenticated.gateway.settings.public_url or ""
    status = 202 if is_new else 200
    headers = {"Location": f"{base}{path}"}
    return Response(answer.model_dump_json(), status, media_type="application/json", headers=headers)


def _known(
    authenticated: AuthenticatedRequest, model: ModelName, command_id: str, *kinds: CommandKind
) -> ModelCommandRow:
    row = authenticated.store.models.commands.find(command_id)
    if row is None or row.model != model or row.kind not in kinds:
        raise NotFound(f"There is nothing of this id for {model.text}; GET /models/{model.text}/history lists it all.")
    return row


def _training(row: ModelCommandRow) -> TrainingAnswer:
    return TrainingAnswer(
        id=row.command_id,
        model=row.model.text,
        status=row.state,
        promote=bool(row.payload.get("promote", True)),
        requested_by=row.requested_by,
        reason=row.reason,
        progress=CommandProgress(share=row.progress, step=row.step),
        result=None if row.result is None else TrainingResult(**row.result),
        error=_error(row),
        created_at=instant_of(row.created_at),
        started_at=instant_or_none(row.started_at),
        finished_at=instant_or_none(row.finished_at),
    )


def _promotion(row: ModelCommandRow) -> PromotionAnswer:
    result = row.result or {}
    return PromotionAnswer(
        id=row.command_id,
        kind=cast(Literal["promote", "rollback"], row.kind),
        model=row.model.text,
        status=row.state,
        version=result.get("version", row.payload.get("version")),
        previous_version=result.get("previous_version"),
        requested_by=row.requested_by,
        reason=row.reason,
        error=_error(row),
        created_at=instant_of(row.created_at),
        finished_at=instant_or_none(row.finished_at),
    )


def _error(row: ModelCommandRow) -> CommandError | None:
    return None if row.error is None else CommandError(**row.error)


def _entry(row: AuditRow) -> HistoryEntry:
    detail = row.detail
    return HistoryEntry(
        number=row.number,
        occurred_at=instant_of(row.at),
        actor=row.actor,
        action=row.action.removeprefix("model."),
        version=detail.get("version"),
        replaced_version=detail.get("replaced_version"),
        reason=detail.get("reason"),
        figures=detail.get("figures") or {},
    )
