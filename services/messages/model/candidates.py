"""Lists of what could have been chosen: written with new decisions, read from those that hold. Pure."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from services.messages.model.catalogue import Catalogue, Mask
from shared.contracts.decision import DecisionRow

Held = Mapping[tuple[str, str], DecisionRow]
"""By contact id and slot."""


class CandidateLists:
    """Names of what could have been chosen: few lists, for many contacts."""

    def __init__(self, ids: Sequence[str]) -> None:
        """Know no list.

        Args:
            ids: of all messages, by code.
        """
        self._ids = ids
        self._known: dict[bytes, tuple[str, ...]] = {}

    def of(self, open_: Mask) -> tuple[str, ...]:
        """Name them in order."""
        key = open_.tobytes()
        if key not in self._known:
            self._known[key] = tuple(self._ids[code] for code in np.flatnonzero(open_).tolist())
        return self._known[key]


def held_candidates(
    contact_ids: Sequence[str], slot: str, held: Held, catalogue: Catalogue
) -> Iterator[tuple[int, Sequence[int]]]:
    """Yield whose decision holds, with what could be chosen then: asked again, it is answered alike."""
    known = dict[tuple[str, ...], list[int]]()
    for row, name in enumerate(contact_ids if held else ()):
        kept = held.get((name, slot))
        if kept is not None and kept.message_id is not None:
            if kept.candidates not in known:
                known[kept.candidates] = [catalogue.code_of[one] for one in kept.candidates if one in catalogue.code_of]
            yield row, known[kept.candidates]
