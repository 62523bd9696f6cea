"""A segment: a group with an identity that outlives retraining, a name, and what is told about it."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from services.segmentation.model.grouping import Grouping


class Named(NamedTuple):
    """What a client calls a group."""

    id: str
    """`s3`; of a micro-segment `s3.1`. Kept by retraining as long as half of the members are the same."""
    name: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A group of the first level, with the groups inside it where there are any."""

    named: Named
    micro: tuple[Named, ...] = ()
    """Groups inside, in the order of the inner grouping; empty: none were stable."""
    inside: Grouping | None = None
    """Centres of the groups inside, in unweighted standard deviations."""

    def to_json(self) -> dict[str, Any]:
        """Write names and ids as plain values; centres go into the npz file."""
        return {
            "id": self.named.id,
            "name": self.named.name,
            "micro": [{"id": one.id, "name": one.name} for one in self.micro],
            "spread": None if self.inside is None else self.inside.spread,
        }
