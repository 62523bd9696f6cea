"""Segmentation: which behaviour group does this contact belong to?"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

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
from shared.timeline import ContactPasts

if TYPE_CHECKING:
    from services.segmentation.model import ScoredSegment, SegmentationModel

LINE = capability("segmentation")


def _load(folder: Path) -> "SegmentationModel":
    from services.segmentation.model import SegmentationModel

    return SegmentationModel.load(folder)


def _answer(
    model: "SegmentationModel", pasts: ContactPasts, cutoffs: NDArray[np.int64], request: SegmentRequest
) -> "Sequence[ScoredSegment]":
    return model.predict(pasts, cutoffs, reasons=request.reasons_requested)


def _add_stored(
    account: AccountStore, contact_ids: Sequence[str], scored: "Sequence[ScoredSegment]", cutoff: Microseconds
) -> "Sequence[ScoredSegment]":
    from services.segmentation.model import with_history

    latest, names = account.predictions.latest_of(LINE.name, "", contact_ids), account.segments.names()
    return with_history(contact_ids, scored, latest, names, cutoff=cutoff)


def _fields(scored: "ScoredSegment | None") -> Mapping[str, object]:
    if scored is None:
        names = ("segment", "membership", "alternatives", "micro_segment", "previous_segment", "moved_at")
        return {**dict.fromkeys(names), "alternatives": []}
    return {
        "segment": scored.first.segment._asdict(),
        "membership": scored.first.membership,
        "alternatives": [{**one.segment._asdict(), "membership": one.membership} for one in scored.alternatives],
        "micro_segment": None if scored.micro is None else scored.micro._asdict(),
        "previous_segment": None if scored.previous is None else scored.previous._asdict(),
        "moved_at": scored.moved_at,
    }


def _segment_of(scored: "ScoredSegment") -> str:
    return scored.first.segment.id


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
    answer=_answer,
    fields=_fields,
    add_stored=_add_stored,
    segment_of=_segment_of,
    training=TrainingSpec(
        recipe=_recipe,
        choices=SegmentChoices,
        help="Find segments; running services serve a promoted version within 30 s. Kept segments keep their names.",
        examples=("", "--segments 5 --attribute plan --no-promote"),
    ),
)
