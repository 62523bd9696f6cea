"""Routes of outcome definitions: what the account wants predicted."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import ValidationError
from starlette.responses import Response

from gateway.context import AdminScope, ReadScope, ReadScopeNoWrites, created_response, json_response
from gateway.idempotency import idempotent
from gateway.outcomes.samples import ProcessSamples
from gateway.outcomes.schemas import OutcomeAnswer, OutcomeFields, OutcomeList
from shared.capabilities import TABLE, OutcomeCapabilityName
from shared.contracts.data_report import OutcomePreview
from shared.contracts.outcome import BUILT_IN, Outcome, OutcomeName
from shared.contracts.rows import now_us
from shared.data_report import outcome_preview
from shared.errors import Conflict, NotFound
from shared.http.problem import invalid

router = APIRouter(tags=["outcomes"])
PathName = Annotated[OutcomeName, Path(description="Lower-case letters, digits and _.")]
OfCapability = Annotated[OutcomeCapabilityName, Query(description="Which question the outcome belongs to.")]
UNNAMED = "unnamed"
CREATED: dict[int | str, dict[str, Any]] = {201: {"model": OutcomeAnswer, "description": "It is a new one."}}
OfName = Annotated[
    OutcomeName | None, Query(description="An outcome as it is defined; leave the body out, or redefine it there.")
]
OnlyOf = Annotated[OutcomeCapabilityName | None, Query(description="Only of this question; default: of all.")]


@router.get("/outcomes", response_model=OutcomeList, operation_id="list_outcomes", summary="List outcomes")
def list_outcomes(authenticated: ReadScope, capability: OnlyOf = None) -> Response:
    """List the outcomes of this account, the built-in ones among them."""
    names = [capability] if capability else [line.name for line in TABLE if line.per_outcome]
    found: list[OutcomeAnswer] = []
    for name in sorted(names):
        default = authenticated.store.outcomes.default(name)
        known = sorted(authenticated.store.outcomes.of(name), key=lambda outcome: outcome.name)
        found.extend(_answer(outcome, default) for outcome in known)
    return json_response(OutcomeList(outcomes=found))


@router.get("/outcomes/{name}", response_model=OutcomeAnswer, operation_id="show_outcome", summary="Show an outcome")
def show_outcome(authenticated: ReadScope, name: PathName, capability: OfCapability = "scoring") -> Response:
    """Show how an outcome is defined."""
    outcome = authenticated.store.outcomes.find(capability, name)
    if outcome is None:
        raise _absent(name)
    return json_response(_answer(outcome, authenticated.store.outcomes.default(capability)))


@router.put(
    "/outcomes/{name}",
    response_model=OutcomeAnswer,
    responses=CREATED,
    operation_id="put_outcome",
    summary="Define an outcome",
)
@idempotent
def put_outcome(
    authenticated: AdminScope, name: PathName, fields: OutcomeFields, capability: OfCapability = "scoring"
) -> Response:
    """Define an outcome, or redefine one; models trained on the old definition go on answering until retrained.

    What was answered about attributes (`allowed`, `forbidden`) stays unless other lists are given.
    """
    before = authenticated.store.outcomes.find(capability, name)
    outcome = _defined(name, capability, fields.model_dump(exclude_unset=True) | _answers(fields, before))
    is_new = before is None
    authenticated.store.outcomes.put(outcome)
    answer = _answer(outcome, authenticated.store.outcomes.default(capability))
    return (
        created_response(authenticated, answer, f"/outcomes/{name}?capability={capability}")
        if is_new
        else json_response(answer)
    )


@router.post(
    "/outcomes/preview",
    response_model=OutcomePreview,
    operation_id="preview_outcome",
    summary="Count who would have reached an outcome",
)
def preview_outcome(
    authenticated: ReadScopeNoWrites,
    samples: ProcessSamples,
    fields: OutcomeFields | None = None,
    name: OfName = None,
    capability: OfCapability = "scoring",
) -> Response:
    """Count the contacts with and without an outcome before it is defined or trained; training needs 40 of each.

    Counted as a training does, on all contacts or, in large accounts, on 5,000 of them, with intervals. What was read
    is kept for up to a minute, so that a form may ask at each change. Nothing is stored.
    """
    store = authenticated.store
    given = {} if fields is None else fields.model_dump(exclude_unset=True, exclude={"allowed", "forbidden"})
    if name is not None and not given:
        outcome = store.outcomes.find(capability, name)
        if outcome is None:
            raise _absent(name)
    else:
        outcome = _defined(name or UNNAMED, capability, given)
    sample = samples.of(store, now=now_us())
    return json_response(outcome_preview.preview(sample, outcome, is_named=name is not None))


@router.delete("/outcomes/{name}", status_code=204, operation_id="delete_outcome", summary="Delete an outcome")
@idempotent
def delete_outcome(authenticated: AdminScope, name: PathName, capability: OfCapability = "scoring") -> Response:
    """Delete an outcome's definition; a redefined built-in one becomes what it was."""
    outcome = authenticated.store.outcomes.find(capability, name)
    if outcome is None:
        raise _absent(name)
    if outcome in BUILT_IN:
        raise Conflict("This outcome is built in and cannot be deleted; redefine it with PUT.")
    authenticated.store.outcomes.delete(capability, name)
    return Response(status_code=204)


def _defined(name: str, capability: str, given: dict[str, Any]) -> Outcome:
    """Make an outcome of what was given.

    Raises:
        ForetellError: it says nothing that can be predicted; names the fields.
    """
    try:
        return Outcome(name=name, capability=capability, **given)
    except ValidationError as error:
        raise invalid([{**entry} for entry in error.errors(include_url=False)], given) from error


def _answers(fields: OutcomeFields, before: Outcome | None) -> dict[str, list[str]]:
    """Return what is said about attributes: as given, else as answered before."""
    allowed, forbidden = fields.allowed, fields.forbidden
    if allowed is None:
        allowed = [one for one in (before.allowed if before else ()) if one not in (forbidden or ())]
    if forbidden is None:
        forbidden = [one for one in (before.forbidden if before else ()) if one not in allowed]
    return {"allowed": allowed, "forbidden": forbidden}


def _answer(outcome: Outcome, default: str | None) -> OutcomeAnswer:
    fields = outcome.model_dump()
    return OutcomeAnswer(**fields, built_in=outcome.unanswered in BUILT_IN, default=outcome.name == default)


def _absent(name: str) -> NotFound:
    return NotFound(f"There is no outcome {name} in this account; GET /outcomes lists those that there are.")
