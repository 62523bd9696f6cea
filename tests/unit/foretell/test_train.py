from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from foretell.train import published_if_insufficient
from shared.contracts.message import Message
from shared.errors import InsufficientData


@dataclass
class FakeDatabase:
    published: list[Message] = field(default_factory=list)

    def of(self, account: str) -> "FakeDatabase":
        return self

    @property
    def outbox(self) -> "FakeDatabase":
        return self

    def publish(self, messages: Sequence[Message], *, at: int) -> None:
        self.published += messages


def test_a_training_that_is_refused_for_want_of_data_is_told_and_fails_all_the_same() -> None:
    database = FakeDatabase()

    with pytest.raises(InsufficientData), published_if_insufficient(database, "acme", "scoring", "customer"):  # type: ignore[arg-type]
        raise InsufficientData("12 contacts reached it; 40 are needed.", with_outcome=12, needed_with_outcome=40)

    assert [(one.type, one.data) for one in database.published] == [
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


def test_a_training_that_fails_otherwise_is_told_to_nobody() -> None:
    database = FakeDatabase()

    with pytest.raises(LookupError), published_if_insufficient(database, "acme", "scoring", "customer"):  # type: ignore[arg-type]
        raise LookupError

    assert database.published == []
