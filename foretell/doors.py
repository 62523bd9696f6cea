"""The doors of all capabilities, for what is done with each of them: documents, demonstration, training."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from services.churn import api as churn_api
from services.scoring import api as scoring_api
from services.segmentation import api as segmentation_api
from services.sendtime import api as sendtime_api
from shared.serving.question import Question

if TYPE_CHECKING:
    from fastapi import FastAPI

    from shared.settings import ServiceSettings

APPS: "dict[str, Callable[[ServiceSettings], FastAPI]]" = {
    "scoring": scoring_api.create_app,
    "churn": churn_api.create_app,
    "segmentation": segmentation_api.create_app,
    "sendtime": sendtime_api.create_app,
}
"""How each capability of the table makes its app."""
QUESTIONS: dict[str, Question] = {
    "scoring": scoring_api.QUESTION,
    "churn": churn_api.QUESTION,
    "segmentation": segmentation_api.QUESTION,
    "sendtime": sendtime_api.QUESTION,
}
"""What each brings to the shell that serves it; reads its artifacts too."""


def training_of(capability: str) -> Callable[..., Any]:
    """Find what trains a capability; imported here, since training is heavy.

    Raises:
        KeyError: there is no such capability.
    """
    from services.churn.train import train as train_churn
    from services.scoring.train import train as train_scoring
    from services.segmentation.train import train as train_segmentation
    from services.sendtime.train import train as train_sendtime

    doors: dict[str, Callable[..., Any]] = {
        "scoring": train_scoring,
        "churn": train_churn,
        "segmentation": train_segmentation,
        "sendtime": train_sendtime,
    }
    return doors[capability]
