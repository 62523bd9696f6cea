import json

import pytest

from shared.contracts.message import EXAMPLES, MESSAGE_DATA, MESSAGE_TYPES, TEST_TYPE, Moved, SubscriptionTest, as_data

MODELS = {**MESSAGE_DATA, TEST_TYPE: SubscriptionTest}


def test_every_type_has_a_shape_and_an_example() -> None:
    assert list(MESSAGE_DATA) == list(MESSAGE_TYPES)
    assert EXAMPLES.keys() == MODELS.keys()


@pytest.mark.parametrize("kind", EXAMPLES)
def test_an_example_is_what_its_shape_writes(kind: str) -> None:
    assert as_data(MODELS[kind].model_validate_json(json.dumps(EXAMPLES[kind]))) == EXAMPLES[kind]


def test_what_moved_is_written_with_from_and_to() -> None:
    moved = Moved.model_validate({"from": "low", "to": None, "contacts": 3})

    assert as_data(moved) == {"from": "low", "to": None, "contacts": 3}
