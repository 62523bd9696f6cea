"""What the caller decides about a run."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

from shared.contracts.outcome import Outcome

Progress = Callable[[str, float], None]
"""Told what is done now and how far the whole is, 0 to 1."""


def silent(_: str, __: float) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the caller decides about a run."""

    promote: bool = True
    allowed: Collection[str] = field(default_factory=frozenset)
    """Attributes used although they are personal, not dated, or look like a leak."""
    forbidden: Collection[str] = field(default_factory=frozenset)
    """Attributes that are never features of this run, and about which nothing is asked."""
    order_by: str | None = None
    """What tells in which order the rows of flat data came: `created_at`, an attribute, `none`; None: what is found."""

    def for_outcome(self, outcome: Outcome) -> "Choices":
        """Add what was answered about attributes for an outcome before; what this run says counts first."""
        answered = outcome.answered(allowed=self.allowed, forbidden=self.forbidden)
        return replace(self, allowed=frozenset(answered.allowed), forbidden=frozenset(answered.forbidden))
