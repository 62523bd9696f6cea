"""The door of segmentation: `python -m services.segmentation.api --port N`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import FastAPI
from numpy.typing import NDArray

from services.segmentation.schemas import (
    REQUEST_EXAMPLE,
    RESPONSE_EXAMPLE,
    SegmentPrediction,
    SegmentRequest,
    SegmentResponse,
)
from shared.capabilities import capability
from shared.contracts.rows import Microseconds
from shared.serving.process import run
from shared.serving.question import Question, Scored, ServedModel
from shared.serving.reads import Reads
from shared.serving.service import Service
from shared.settings import ServiceSettings
from shared.store import AccountStore, open_database
from shared.timeline import Pasts

LINE = capability("segmentation")


def _load(folder: Path) -> ServedModel:
    # Imported on first use: `run` has made the libraries of training look absent by then.
    from services.segmentation.model import SegmentationModel

    return SegmentationModel.load(folder)


def _ask(model: Any, pasts: Pasts, cutoffs: NDArray[np.int64], request: SegmentRequest) -> Sequence[Scored]:
    answers: Sequence[Scored] = model.predict(pasts, cutoffs, reasons=request.reasons_asked)
    return answers


def _remember(
    account: AccountStore, contact_ids: Sequence[str], scored: Sequence[Any], cutoff: Microseconds
) -> Sequence[Scored]:

    from services.segmentation.model import with_history

    latest, names = account.predictions.latest_of(LINE.name, "", contact_ids), account.segments.names()
    return with_history(contact_ids, scored, latest, names, cutoff=cutoff)


def _additions(scored: Any) -> Mapping[str, Any]:
    if scored is None:
        empty = dict.fromkeys(("segment", "membership", "micro_segment", "previous_segment", "moved_at"))
        return {**empty, "alternatives": []}
    return {
        "segment": scored.first.segment._asdict(),
        "membership": scored.first.membership,
        "alternatives": [{**one.segment._asdict(), "membership": one.membership} for one in scored.alternatives],
        "micro_segment": None if scored.micro is None else scored.micro._asdict(),
        "previous_segment": None if scored.previous is None else scored.previous._asdict(),
        "moved_at": scored.moved_at,
    }


def _segment_of(prediction: Any) -> str | None:
    return None if prediction.segment is None else str(prediction.segment.id)


QUESTION = Question(
    capability=LINE,
    request=SegmentRequest,
    prediction=SegmentPrediction,
    response=SegmentResponse,
    load=_load,
    ask=_ask,
    additions=_additions,
    examples={"request": REQUEST_EXAMPLE, "response": RESPONSE_EXAMPLE},
    remember=_remember,
    segment_of=_segment_of,
)


def create_app(settings: ServiceSettings, store: Reads | None = None, **parts: Any) -> FastAPI:
    """Make the segmentation service.

    Args:
        settings: read once.
        store: None: the one of the settings.
        parts: replacements of `Service`'s clock and fetch, for tests.
    """
    return Service(QUESTION, settings, store or open_database(settings), **parts).app()


if __name__ == "__main__":
    run(LINE.name, ServiceSettings, create_app)
