"""Shadows: a version that answers a share of the contacts beside the champion, unseen, and how the answers differ."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from gateway.context import AdminScope, ReadScope, json_response
from gateway.idempotency import idempotent
from gateway.models.names import NamedModel
from shared.contracts.outcome import ModelName
from shared.contracts.prediction import Answer
from shared.contracts.rows import instant_of, now_us
from shared.contracts.shadow import ShadowComparison
from shared.errors import NotFound
from shared.store import ShadowRow

router = APIRouter(tags=["models"])


class ShadowFields(BaseModel):
    """Which version is to shadow a model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Annotated[
        str, Field(description="A registered version that is not the champion.", min_length=1, max_length=63)
    ]
    share: Annotated[
        float,
        Field(
            gt=0,
            le=1,
            description="Share of the contacts that it answers too: always the same ones, chosen by their ids.",
        ),
    ]


class LossDifference(Answer):
    """The shadow's log loss less the champion's."""

    value: Annotated[float, Field(description="Below 0 where the shadow was closer to what happened.")]
    low: Annotated[float, Field(description="Lower end of the 95 % interval; contacts are drawn again, in pairs.")]
    high: Annotated[float, Field(description="Upper end: below 0, the shadow surely is better.")]


class ComparisonAnswer(Answer):
    """What was found; a contact counts once a day, by its first question of the day."""

    champion_version: Annotated[str, Field(description="The version with which it was compared.")]
    compared: Annotated[int, Field(ge=0, description="Answers of both, of the newest 20,000.")]
    contacts: Annotated[int, Field(ge=0, description="Of how many contacts.")]
    unanswered: Annotated[int, Field(ge=0, description="Answers of the champion to which the shadow had none.")]
    mean_difference: Annotated[
        float | None, Field(description="Of the probabilities, shadow less champion; null where there are none.")
    ]
    rank_correlation: Annotated[
        float | None, Field(description="Spearman's: 1 where both put the contacts into the same order.")
    ]
    other_band_share: Annotated[
        float | None, Field(description="Share of the contacts in another band; of segments, in another segment.")
    ]
    closed: Annotated[int, Field(ge=0, description="Answers whose outcome is known, since their horizon is over.")]
    reached: Annotated[int, Field(ge=0, description="Of these, how many reached the outcome.")]
    log_loss: Annotated[
        float | None,
        Field(description="The shadow's, on the closed ones; null below 40 contacts, or with one kind of end only."),
    ]
    champion_log_loss: Annotated[float | None, Field(description="The champion's, on the same contacts.")]
    log_loss_difference: Annotated[LossDifference | None, Field(description="Which was closer to what happened.")]
    compared_at: Annotated[datetime, Field(description="When it was found, UTC.")]


class ShadowAnswer(Answer):
    """The version that shadows a model."""

    name: Annotated[str, Field(description="Of the model: `scoring.customer`.")]
    version: Annotated[str, Field(description="The version that answers unseen.")]
    share: Annotated[float, Field(gt=0, le=1, description="Share of the contacts that it answers.")]
    since: Annotated[datetime, Field(description="When it began, UTC.")]
    comparison: Annotated[
        ComparisonAnswer | None, Field(description="What was found; the worker looks each minute. Null before.")
    ]


@router.get(
    "/models/{name}/shadow", response_model=ShadowAnswer, operation_id="show_model_shadow", summary="Show a shadow"
)
def show_model_shadow(authenticated: ReadScope, name: NamedModel) -> Response:
    """Show which version shadows a model, and how its answers differ from the champion's."""
    row = authenticated.store.models.shadows.of(name.capability, name.outcome)
    if row is None:
        raise _no_shadow(name)
    return json_response(_answer(name, row))


@router.put(
    "/models/{name}/shadow",
    response_model=ShadowAnswer,
    operation_id="put_model_shadow",
    summary="Let a version shadow",
)
@idempotent
def put_model_shadow(authenticated: AdminScope, name: NamedModel, fields: ShadowFields) -> Response:
    """Let a version answer a share of the contacts beside the champion: unseen, after the answer has left.

    Another version takes the place of the one before; the same one goes on with the new share.
    """
    models = authenticated.store.models
    row = models.start_shadow(name.capability, name.outcome, fields.version, fields.share, at=now_us())
    return json_response(_answer(name, row))


@router.delete("/models/{name}/shadow", status_code=204, operation_id="delete_model_shadow", summary="End a shadow")
@idempotent
def delete_model_shadow(authenticated: AdminScope, name: NamedModel) -> Response:
    """Let no version shadow a model any more; its promotion ends it too."""
    if not authenticated.store.models.end_shadow(name.capability, name.outcome, at=now_us()):
        raise _no_shadow(name)
    return Response(status_code=204)


def _answer(name: ModelName, row: ShadowRow) -> ShadowAnswer:
    return ShadowAnswer(
        name=name.text,
        version=row.version,
        share=row.share,
        since=instant_of(row.since),
        comparison=None if row.comparison is None else _comparison(row.comparison),
    )


def _comparison(found: ShadowComparison) -> ComparisonAnswer:
    fields = found._asdict() | {"compared_at": instant_of(found.compared_at)}
    if found.log_loss_difference is not None:
        value, low, high = found.log_loss_difference
        fields["log_loss_difference"] = LossDifference(value=value, low=low, high=high)
    return ComparisonAnswer(**fields)


def _no_shadow(name: ModelName) -> NotFound:
    return NotFound(f"No version shadows {name.text}; PUT /models/{name.text}/shadow lets one.")
