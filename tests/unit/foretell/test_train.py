from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from foretell.train import published_if_insufficient
from shared.capabilities import capability
from shared.contracts.message import Message
from shared.errors import InsufficientData

SCORING = capability("scoring")


@dataclass
class FakeStore:
    published: list[Message] = field(default_factory=list)

    @property
    def outbox(self) -> "FakeStore":
        return self

    def publish(self, messages: Sequence[Message], *, at: int) -> None:
        self.published += messages


def test_a_training_that_is_refused_for_want_of_data_is_published_and_fails_all_the_same() -> None:
    store = FakeStore()

    with pytest.raises(InsufficientData), published_if_insufficient(store, SCORING, "customer"):  # type: ignore[arg-type]
        raise InsufficientData("12 contacts reached it; 40 are needed.", with_outcome=12, needed_with_outcome=40)

    assert [(one.type, one.data) for one in store.published] == [
        (
            "data.insufficient",
            {
                "capability": "scoring",
                "outcome": "customer",
                "detail": "12 contacts reached it; 40 are needed.",
                "counts": {"with_outcome": 12, "needed_with_outcome": 40},
            },
        )
    ]


def test_a_training_that_fails_otherwise_publishes_nothing() -> None:
    store = FakeStore()

    with pytest.raises(LookupError), published_if_insufficient(store, SCORING, "customer"):  # type: ignore[arg-type]
        raise LookupError

    assert store.published == []
