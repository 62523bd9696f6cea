from typing import Any

import numpy as np

from services.messages.model.catalogue import Catalogue
from services.messages.model.choice import Choosing
from services.messages.model.consideration import Consideration
from services.messages.schemas import NextBestMessageRequest
from shared.contracts.message_variant import MessageVariant

AT = 1_780_272_000_000_000
DAY = 86_400_000_000
HOUR = 3_600_000_000


def catalogue(*messages: str, **fields: Any) -> Catalogue:
    """Messages of which all say the same."""
    return Catalogue.of([MessageVariant(id=name, **fields) for name in messages], salt="00" * 16)


def considered(contacts: int, known: Catalogue, policy: Any = None, **fields: Any) -> Consideration:
    """A call about contacts who are eligible for everything."""
    return Consideration(
        request=NextBestMessageRequest(contacts=[], **{"control_share": 0, **fields}),
        outcome="clicked",
        catalogue=known,
        policy=policy,
        learned=None,
        values=np.empty((contacts, 0)),
        design=np.zeros((contacts, 0 if policy is None else policy.width)),
        known=np.ones(contacts, dtype=bool),
        eligible=np.ones((contacts, len(known)), dtype=bool),
        truncated=[False] * contacts,
        inputs=[()] * contacts,  # type: ignore[list-item]
    )


def choosing(call: Consideration, *names: str, numbers: list[float] | None = None) -> Choosing:
    """Choose for contacts with the numbers that are drawn; None: a preview."""
    drawn = None if numbers is None else (lambda n: np.array(numbers[:n]))
    return Choosing(call, np.arange(len(names)), names, AT, "3", drawn)
