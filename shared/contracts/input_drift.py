"""How many of a version's answers rest on inputs that its training did not know: counted in a round of scoring."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from shared.contracts.rows import Microseconds

DRIFTED_SHARE: Final = 0.05
"""From this share of the answers on, the inputs of a version have drifted."""


class InputDrift(NamedTuple):
    """The answers of one round."""

    answered: int
    """Contacts that got an answer."""
    drifted: int
    """Of whom a fifth of the model's weight or more lies outside all that it was shown."""
    out_of_range: int
    unseen_categories: int
    insufficient: int
    """Contacts that got none, since too little of what the model looks at is known; they are not among the answered."""
    measured_at: Microseconds

    @property
    def share(self) -> float:
        """Which part of the answers rests on drifted inputs, 0 to 1.

        >>> InputDrift(200, 30, 40, 0, 0, 0).share
        0.15
        """
        return self.drifted / self.answered if self.answered else 0.0

    @property
    def has_drifted(self) -> bool:
        """Whether the version should be trained again.

        >>> InputDrift(200, 9, 40, 0, 0, 0).has_drifted, InputDrift(200, 10, 40, 0, 0, 0).has_drifted
        (False, True)
        """
        return self.share >= DRIFTED_SHARE

    @classmethod
    def of(cls, counts: Mapping[str, Any]) -> "InputDrift":
        """Read counts by name; those that are not there are 0."""
        return cls(*(int(counts.get(name, 0)) for name in cls._fields))
