"""The app of send time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import FastAPI
from numpy.typing import NDArray

from services.sendtime.api.experiments import kept
from services.sendtime.api.routes import BESIDE, add_routes
from services.sendtime.api.wishing import additions, query_of
from services.sendtime.schemas import (
    REQUEST_EXAMPLE,
    RESPONSE_EXAMPLE,
    SendTimePrediction,
    SendTimeRequest,
    SendTimeResponse,
)
from shared.capabilities import capability
from shared.serving.question import Question, Scored, ServedModel
from shared.serving.reads import Reads
from shared.serving.service import Service
from shared.settings import ServiceSettings
from shared.store import open_database
from shared.timeline import Pasts


def _load(folder: Path) -> ServedModel:
    # Imported on first use: `run` has made the libraries of training look absent by then.
    from services.sendtime.model.sendtime import SendTimeModel

    return SendTimeModel.load(folder)


def _ask(model: Any, pasts: Pasts, cutoffs: NDArray[np.int64], request: SendTimeRequest) -> Sequence[Scored]:
    answers: Sequence[Scored] = model.advise(pasts, cutoffs, query_of(request, int(cutoffs[0])))
    return answers


def _is_kept(request: SendTimeRequest, _: Any) -> bool:
    """Only what is asked by default stands beside other contacts' answers."""
    return request.purpose == "best" and request.engagement is None and request.campaign_id is None


QUESTION = Question(
    capability=capability("sendtime"),
    request=SendTimeRequest,
    prediction=SendTimePrediction,
    response=SendTimeResponse,
    load=_load,
    ask=_ask,
    additions=additions,
    examples={"request": REQUEST_EXAMPLE, "response": RESPONSE_EXAMPLE},
    is_kept=_is_kept,
    beside=BESIDE,
    answers_without_data=True,
    keep=kept,
    commits=lambda request: request.purpose == "experiment",
)


def create_app(settings: ServiceSettings, store: Reads | None = None, **parts: Any) -> FastAPI:
    """Make the send-time service.

    Args:
        settings: read once.
        store: None: the one of the settings.
        parts: replacements of `Service`'s clock and fetch, for tests.
    """
    service = Service(QUESTION, settings, store or open_database(settings), **parts)
    app = service.app()
    add_routes(app, service)
    return app
