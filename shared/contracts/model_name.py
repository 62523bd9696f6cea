"""The name of a model: what it answers, and about which outcome."""

from typing import NamedTuple


class ModelName(NamedTuple):
    """Which model of an account is meant.

    >>> ModelName("scoring", "customer").text, ModelName("segmentation").text
    ('scoring.customer', 'segmentation')
    """

    capability: str
    outcome: str = ""
    """Empty where the capability has none."""

    @property
    def text(self) -> str:
        """Return the name as paths and lists have it."""
        return f"{self.capability}.{self.outcome}" if self.outcome else self.capability
