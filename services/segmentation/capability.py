"""Segmentation: which behaviour group does this contact belong to?"""

from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from services.segmentation.schemas import (
    REQUEST_EXAMPLE,
    RESPONSE_EXAMPLE,
    SegmentChoices,
    SegmentPrediction,
    SegmentRequest,
    SegmentResponse,
)
from shared.capabilities import capability
from shared.contracts.rows import Microseconds
from shared.contracts.training import TrainingSpec
from shared.serving.capability_spec import CapabilitySpec
from shared.store import AccountStore

if TYPE_CHECKING:
    from services.segmentation.model import ScoredSegment, SegmentationModel

LINE = capability("segmentation")


def _load(folder: Path) -> "SegmentationModel":
    from services.segmentation.model import SegmentationModel

    return SegmentationModel.load(folder)


def _add_stored(
    account: AccountStore, contact_ids: Sequence[str], scored: "Sequence[ScoredSegment]", cutoff: Microseconds
) -> "Sequence[ScoredSegment]":
    from services.segmentation.model import with_history

    latest, names = account.predictions.latest_of(LINE.name, "", contact_ids), account.segments.names()
    return with_history(contact_ids, scored, latest, names, cutoff=cutoff)


def _recipe() -> object:
    from services.segmentation.training import RECIPE

    return RECIPE


CAPABILITY = CapabilitySpec(
    capability=LINE,
    summary="segment with a name, how surely, reasons, where the contact was before; `GET /segments` shows them all",
    request=SegmentRequest,
    prediction=SegmentPrediction,
    response=SegmentResponse,
    request_example=REQUEST_EXAMPLE,
    response_example=RESPONSE_EXAMPLE,
    load=_load,
    event_fields=attrgetter("feature_set.event_fields"),
    add_stored=_add_stored,
    training=TrainingSpec(
        recipe=_recipe,
        choices=SegmentChoices,
        help="Find segments; running services serve a promoted version within 30 s. Kept segments keep their names.",
        examples=("", "--segments 5 --attribute plan --no-promote"),
    ),
)
