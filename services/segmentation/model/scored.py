"""What the model says of one contact."""

from datetime import datetime
from typing import NamedTuple

from services.segmentation.model.segment import Named
from shared.contracts.prediction import Source, Status
from shared.features import UNDERSTOOD, InputQuality, ReasonPart


class Membership(NamedTuple):
    """A group and how surely a contact belongs to it."""

    segment: Named
    membership: float


class Scored(NamedTuple):
    """What the model says of one contact."""

    first: Membership
    alternatives: list[Membership]
    """The next surest, at most three."""
    micro: Named | None
    """The group inside the first one, where there are any."""
    margin: float
    """Log-odds of the first against the second group; all contributions sum to it."""
    reasons: list[ReasonPart]
    truncated: bool
    source: Source = "model"
    previous: Named | None = None
    """The segment that the contact was in before, where stored answers know."""
    moved_at: datetime | None = None
    """The cutoff at which it was first seen here, where it came from elsewhere."""
    status: Status = "ok"
    detail: str | None = None
    data_quality: tuple[str, ...] = ()
    inputs: InputQuality = UNDERSTOOD
    probability: None = None
    score: None = None
    band: None = None
    base: float = 0.0
    """Groups are equally likely before a contact is looked at: the reasons stand on nothing."""
