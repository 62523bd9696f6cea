"""What is known of the contacts of a call, before anything is drawn. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.messages.model.catalogue import NONE, Catalogue, Mask
from services.messages.model.contact_policy import ContactPolicy
from services.messages.model.frequency import WINDOW as FREQUENCY_REACH
from services.messages.model.frequency import Frequency
from services.messages.model.policy import Policy, equal_chances
from services.messages.schemas import MessagePlace, NextBestMessageRequest
from shared.contracts.prediction import InputQuality
from shared.contracts.rows import Microseconds
from shared.errors import BadRequest

Matrix = NDArray[np.float64]
Codes = NDArray[np.intp]


@dataclass(frozen=True)
class Consideration:
    """What is known of the contacts of a call before anything is drawn."""

    request: NextBestMessageRequest
    outcome: str
    catalogue: Catalogue
    policy: Policy | None
    """Over the messages of the catalogue; None: nothing is learned yet."""
    learned: ContactPolicy | None
    values: Matrix
    """Features, shape (n, p); without columns where nothing is learned."""
    design: Matrix
    """Standardised columns, shape (n, width)."""
    known: Mask
    """(n,) whether anything is known of a contact that the policy looks at."""
    eligible: Mask
    """(n, messages)"""
    truncated: Sequence[bool]
    inputs: Sequence[InputQuality]
    frequency: Frequency | None = None
    """None: nothing is never chosen instead of a message."""

    @property
    def reach(self) -> Microseconds:
        """Return how far back it matters what contacts got; 0: not at all."""
        caps = self.catalogue.reach(self.request.contact_cap_per_week)
        return caps if self.frequency is None else max(caps, FREQUENCY_REACH)

    @property
    def places(self) -> Sequence[tuple[MessagePlace, Mask]]:
        """Return each place with the messages that may stand there, shape (messages,).

        Raises:
            BadRequest: a message is named that the account does not have.
        """
        found, unknown = [], []
        for place in self.request.places:
            mask = np.ones(len(self.catalogue), dtype=bool)
            if place.messages is not None:
                mask[:] = False
                codes = [self.catalogue.code_of.get(name, NONE) for name in place.messages]
                mask[[code for code in codes if code >= 0]] = True
                unknown += [f"{place.pointer}/{number}" for number, code in enumerate(codes) if code < 0]
            found.append((place, mask))
        if unknown:
            detail = "There is no such message; GET /messages lists those that there are."
            raise BadRequest(
                "The request names messages that this account does not have.",
                errors=[{"pointer": pointer, "detail": detail} for pointer in unknown],
            )
        return found

    def chances(self, rows: Codes, allowed: Mask) -> Matrix:
        """Return the chance of each message, shape (len(rows), messages)."""
        if self.policy is None:
            return equal_chances(allowed)
        return self.policy.chances(self.design[rows], allowed, floor=self.request.exploration)
