"""Routes of holdouts: created, looked at, released, and what they found out."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from gateway.contacts.schemas import PathId
from gateway.context import AdminScope, AuthenticatedRequest, ReadScope, created_response, json_response
from gateway.holdouts.schemas import HoldoutAnswer, HoldoutContact, HoldoutFields, HoldoutList
from gateway.idempotency import idempotent
from shared.contracts.holdout import Holdout, HoldoutName, new_holdout
from shared.contracts.rows import Microseconds, instant_of, instant_or_none, microseconds, now_us
from shared.errors import NotFound
from shared.lift.holdout_report import measure_of, report_of
from shared.lift.report import HoldoutReport

router = APIRouter(tags=["holdouts"])
PathName = Annotated[HoldoutName, Path(description="Of the holdout.")]
MeasureParam = Annotated[
    str | None,
    Query(
        pattern=r"^[a-z][a-z0-9_]{0,63}(,[a-z][a-z0-9_]{0,63}){0,9}$",
        description="Types of events that count, separated by commas; default: what reaches the outcome held out.",
    ),
]


@router.post(
    "/holdouts",
    response_model=HoldoutAnswer,
    status_code=201,
    operation_id="add_holdout",
    summary="Hold a share of the contacts out",
)
@idempotent
def add_holdout(authenticated: AdminScope, fields: HoldoutFields) -> Response:
    """Hold a stable share of the contacts out: they are predicted and logged, and answered as `control`.

    Who they are follows from a secret of this holdout and their ids, for contacts of tomorrow too.
    """
    at = now_us()
    until = None if fields.until is None else microseconds(fields.until)
    question = (fields.capability or "", fields.outcome or "")
    holdout = new_holdout(fields.name, fields.share, question, at=at, until=until)
    authenticated.store.experiments.holdouts.create(holdout)
    return created_response(authenticated, _answer(authenticated, holdout, at), f"/holdouts/{holdout.name}")


@router.get("/holdouts", response_model=HoldoutList, operation_id="list_holdouts", summary="List holdouts")
def list_holdouts(authenticated: ReadScope) -> Response:
    """List the holdouts of this account, those that have ended too."""
    at = now_us()
    return json_response(
        HoldoutList(
            holdouts=[_answer(authenticated, one, at) for one in authenticated.store.experiments.holdouts.all()]
        )
    )


@router.get("/holdouts/{name}", response_model=HoldoutAnswer, operation_id="show_holdout", summary="Show a holdout")
def show_holdout(authenticated: ReadScope, name: PathName) -> Response:
    """Show what a holdout is about and whether it is active."""
    return json_response(_answer(authenticated, _known(authenticated, name), now_us()))


@router.post(
    "/holdouts/{name}/release",
    response_model=HoldoutAnswer,
    operation_id="release_holdout",
    summary="Release a holdout",
)
@idempotent
def release_holdout(authenticated: AdminScope, name: PathName) -> Response:
    """End a holdout: its contacts are answered like all others; what was answered as `control` stays so."""
    at = now_us()
    return json_response(_answer(authenticated, authenticated.store.experiments.holdouts.release(name, at=at), at))


@router.get(
    "/holdouts/{name}/contacts/{contact_id:path}",
    response_model=HoldoutContact,
    operation_id="show_holdout_contact",
    summary="Is this contact held out?",
)
def show_holdout_contact(authenticated: ReadScope, name: PathName, contact_id: PathId) -> Response:
    """Show whether a contact is held out, also before anything is stored of it: as the services answer."""
    holdout = _known(authenticated, name)
    held = holdout.holds(contact_id)
    return json_response(
        HoldoutContact(
            contact_id=contact_id,
            holdout=name,
            side="control" if held else "treated",
            held_out=held and holdout.is_active(now_us()),
        )
    )


@router.get(
    "/holdouts/{name}/report",
    response_model=HoldoutReport,
    operation_id="show_holdout_report",
    summary="Report what a holdout found out",
)
def show_holdout_report(authenticated: ReadScope, name: PathName, measure: MeasureParam = None) -> Response:
    """Compare contacts who got predictions with those held out: rates, difference and lift with 95 % intervals."""
    store, holdout = authenticated.store, _known(authenticated, name)
    counted = measure_of(store, holdout, measure.split(",") if measure else ())
    return json_response(report_of(store, holdout, counted, now=now_us()))


def _known(authenticated: AuthenticatedRequest, name: str) -> Holdout:
    found = authenticated.store.experiments.holdouts.find(name)
    if found is None:
        raise NotFound("There is no holdout of this name in this account; GET /holdouts lists them.")
    return found


def _answer(authenticated: AuthenticatedRequest, holdout: Holdout, at: Microseconds) -> HoldoutAnswer:
    return HoldoutAnswer(
        name=holdout.name,
        share=holdout.share,
        capability=holdout.capability or None,
        outcome=holdout.outcome or None,
        state="active" if holdout.is_active(at) else "ended",
        created_at=instant_of(holdout.created_at),
        until=instant_or_none(holdout.until),
        released_at=instant_or_none(holdout.released_at),
        effective_within_seconds=authenticated.gateway.settings.champion_poll_seconds,
    )
