"""A BentoML service with one model, as its guide writes them: `bentoml serve bentoml_order:Order`."""

import os

import bentoml
import lightgbm
import numpy as np


@bentoml.service(workers=1)
class Order:
    """Answers rows with probabilities."""

    def __init__(self) -> None:
        self.booster = lightgbm.Booster(model_file=os.environ["MODEL_TEXT"])

    @bentoml.api
    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Predict each row."""
        return np.asarray(self.booster.predict(rows))
