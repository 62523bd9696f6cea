"""The door of scoring: `python -m services.scoring.api --port N`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import FastAPI
from numpy.typing import NDArray

from services.scoring.schemas import REQUEST_EXAMPLE, RESPONSE_EXAMPLE, ScorePrediction, ScoreRequest, ScoreResponse
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
    from services.scoring.model import ScoringModel

    return ScoringModel.load(folder)


def _ask(model: Any, pasts: Pasts, cutoffs: NDArray[np.int64], request: ScoreRequest) -> Sequence[Scored]:
    answers: Sequence[Scored] = model.predict(pasts, cutoffs, reasons=request.reasons_asked)
    return answers


def _additions(scored: Any) -> Mapping[str, Any]:
    return {"parts": None if scored is None else scored.parts}


QUESTION = Question(
    capability=capability("scoring"),
    request=ScoreRequest,
    prediction=ScorePrediction,
    response=ScoreResponse,
    load=_load,
    ask=_ask,
    additions=_additions,
    examples={"request": REQUEST_EXAMPLE, "response": RESPONSE_EXAMPLE},
)


def create_app(settings: ServiceSettings, store: Reads | None = None, **parts: Any) -> FastAPI:
    """Make the scoring service.

    Args:
        settings: read once.
        store: None: the one of the settings.
        parts: replacements of `Service`'s clock and fetch, for tests.
    """
    return Service(QUESTION, settings, store or open_database(settings), **parts).app()


if __name__ == "__main__":
    run("scoring", ServiceSettings, create_app)
