"""Names of models in paths."""

import pytest

from gateway.models.names import named
from shared.contracts.outcome import ModelName
from shared.errors import NotFound


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("scoring.customer", ModelName("scoring", "customer")),
        ("churn.cancel", ModelName("churn", "cancel")),
        ("segmentation", ModelName("segmentation", "")),
    ],
)
def test_a_name_is_a_capability_and_its_outcome(text: str, model: ModelName) -> None:
    assert named(text) == model
    assert model.text == text


@pytest.mark.parametrize("text", ["scoring", "segmentation.customer", "weather", "scoring."])
def test_no_other_name_is_a_model(text: str) -> None:
    with pytest.raises(NotFound, match=r"scoring\.OUTCOME, churn\.OUTCOME, .*, segmentation or sendtime"):
        named(text)
