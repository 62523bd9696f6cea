"""The door of churn: `python -m services.churn.api --port N`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import FastAPI
from numpy.typing import NDArray

from services.churn.schemas import REQUEST_EXAMPLE, RESPONSE_EXAMPLE, ChurnPrediction, ChurnRequest, ChurnResponse
from shared.capabilities import capability
from shared.serving.process import run
from shared.serving.question import Question, Scored, ServedModel
from shared.serving.reads import Reads
from shared.serving.service import Service
from shared.settings import ServiceSettings
from shared.store import open_database
from shared.timeline import Pasts


def _load(folder: Path) -> ServedModel:
    # Imported on first use: `run` has made the libraries of training look absent by then.
    from services.churn.model import ChurnModel

    return ChurnModel.load(folder)


def _ask(model: Any, pasts: Pasts, cutoffs: NDArray[np.int64], request: ChurnRequest) -> Sequence[Scored]:
    from services.churn.model import ChurnQuery, predict

    query = ChurnQuery(request.horizon_days, request.horizons, request.survival, request.reasons_asked)
    return predict(model, pasts, cutoffs, query)


def _additions(scored: Any) -> Mapping[str, Any]:
    if scored is None:
        names = ("horizon_days", "horizons", "survival", "days_to_leave", "days_to_next_activity", "value_at_risk")
        return dict.fromkeys(names)
    return {
        "horizon_days": scored.horizon_days,
        "horizons": [{"days": days, "probability": risk} for days, risk in scored.horizons] or None,
        "survival": [{"days": days, "survival": left} for days, left in scored.survival] or None,
        "days_to_leave": scored.days_to_event if scored.contractual else None,
        "days_to_next_activity": None if scored.contractual else scored.days_to_event,
        "value_at_risk": scored.value_at_risk,
    }


def _is_kept(request: ChurnRequest, model: Any) -> bool:
    return request.horizon_days in (None, model.horizon_days)


QUESTION = Question(
    capability=capability("churn"),
    request=ChurnRequest,
    prediction=ChurnPrediction,
    response=ChurnResponse,
    load=_load,
    ask=_ask,
    additions=_additions,
    examples={"request": REQUEST_EXAMPLE, "response": RESPONSE_EXAMPLE},
    is_kept=_is_kept,
)


def create_app(settings: ServiceSettings, store: Reads | None = None, **parts: Any) -> FastAPI:
    """Make the churn service.

    Args:
        settings: read once.
        store: None: the one of the settings.
        parts: replacements of `Service`'s clock and fetch, for tests.
    """
    return Service(QUESTION, settings, store or open_database(settings), **parts).app()


if __name__ == "__main__":
    run("churn", ServiceSettings, create_app)
