"""Counting who has reached an outcome and who has not, on the frames that training would see."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from shared.timeline import PastRows, build
from shared.timeline.frames import closed_frames

if TYPE_CHECKING:
    from shared.contracts.outcome import Outcome
    from shared.store import AccountStore

MINIMUM = 40
"""Contacts with the outcome, and as many without it."""
_TRUE = ("1", "1.0", "true", "yes", "y")


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is to learn from."""

    contacts_with: int
    contacts_without: int
    frames: int

    @property
    def enough(self) -> bool:
        """Tell whether training can begin."""
        return min(self.contacts_with, self.contacts_without) >= MINIMUM
