"""Route of the cost slider: which cut-off pays."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from gateway.context import AuthenticatedRequest, ReadScope, json_response
from gateway.models.cards import champion_version, version_row
from gateway.models.names import NamedModel
from shared.cards import MOST_MONEY, ThresholdQuery, thresholds
from shared.cards.thresholds import refuse_without_scores
from shared.contracts.model_card import Thresholds
from shared.contracts.outcome import ModelName
from shared.errors import BadRequest, NoModelTrained

router = APIRouter(tags=["models"])
Value = Annotated[
    float,
    Query(
        gt=0,
        le=MOST_MONEY,
        description="What a contact brings who is addressed and reaches the outcome, in any currency.",
    ),
]
Cost = Annotated[
    float, Query(ge=0, le=MOST_MONEY, description="What addressing one contact costs, in the same currency.")
]
Capacity = Annotated[int | None, Query(ge=0, le=10**12, description="How many contacts can be addressed at most.")]
CapacityShare = Annotated[
    float | None, Query(ge=0, le=1, description="The same as a share of the population; give one of the two.")
]
OfVersion = Annotated[
    str | None, Query(pattern=r"^\d{1,18}$", description="Whose scores; default: the version that answers.")
]


@router.get(
    "/models/{name}/thresholds",
    response_model=Thresholds,
    operation_id="show_model_thresholds",
    summary="Find the score from which on it pays",
)
def show_thresholds(
    authenticated: ReadScope,
    model: NamedModel,
    value: Value,
    cost: Cost,
    capacity: Capacity = None,
    capacity_share: CapacityShare = None,
    version: OfVersion = None,
) -> Response:
    """Find the score from which on addressing contacts brings the most, within what can be done.

    Profit is `value` times the contacts who are expected to reach the outcome, less `cost` times all who are addressed,
    by what became of contacts with such scores whom the model had not learned from. Counts are of the contacts whose
    latest stored prediction is of this version; without any, of 1,000 contacts. For churn, `value` is what it is worth
    to address somebody who would leave: what the contact is worth, times the share of such contacts that stays for it.
    """
    if capacity is not None and capacity_share is not None:
        raise BadRequest("Give either capacity, a number of contacts, or capacity_share, a share of them.")
    refuse_without_scores(model.capability)
    chosen = version or _answering(authenticated, model)
    row = version_row(authenticated, model, chosen)
    stored = authenticated.store.predictions.score_counts(model.capability, model.outcome, chosen)
    return json_response(thresholds(row, model.text, ThresholdQuery(value, cost, capacity, capacity_share), stored))


def _answering(authenticated: AuthenticatedRequest, model: ModelName) -> str:
    champion = champion_version(authenticated, model)
    if champion is None:
        raise NoModelTrained(f"No version of {model.text} answers yet: train one, or name a version.")
    return champion
