"""What the services answer is what standings are made of: the published example of each, read and compared."""

from typing import Any

import pytest

from services.churn import schemas as churn
from services.scoring import schemas as scoring
from services.segmentation import schemas as segmentation
from services.sendtime import schemas as sendtime
from services.value import schemas as value
from shared.capabilities import TABLE
from shared.change_detection.compare import ComparedModel, compare
from shared.change_detection.service_answers import ServiceAnswer

EXAMPLES: dict[str, tuple[dict[str, Any], str]] = {
    "scoring": (scoring.RESPONSE_EXAMPLE, "high"),
    "churn": (churn.RESPONSE_EXAMPLE, "high"),
    "segmentation": (segmentation.RESPONSE_EXAMPLE, "s2"),
    "sendtime": (sendtime.RESPONSE_EXAMPLE, "32"),
    "value": (value.RESPONSE_EXAMPLE, "high"),
}


@pytest.mark.parametrize("line", [line for line in TABLE if line.changes], ids=lambda line: line.name)
def test_the_example_of_every_service_gives_a_standing_to_whom_it_answers_for(line: Any) -> None:
    example, state = EXAMPLES[line.name]

    changes = compare(
        dict.fromkeys(("c-42", "c-43")), ServiceAnswer.model_validate(example), ComparedModel(line, "", "7", 0), set()
    )

    assert [(row.contact_id, row.state, row.cause) for row in changes.states] == [("c-42", state, "first")]
