"""Counting who has reached an outcome and who has not, on the frames that training would see."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.specs import recipe_of, spec_of
from shared.errors import BadRequest, InsufficientData
from shared.timeline.pasts import contact_counts
from shared.training.material import LEAST_NEGATIVE, LEAST_POSITIVE, scanned_for_frames

if TYPE_CHECKING:
    from shared.contracts.outcome import Outcome
    from shared.contracts.rows import Microseconds
    from shared.store import AccountStore

MINIMUM = f"{LEAST_POSITIVE}/{LEAST_NEGATIVE}"
"""Contacts with the outcome, and contacts without it."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is to learn from."""

    contacts_with: int | None
    contacts_without: int | None
    refusal: InsufficientData | None
    """Why training would not begin; None when it would."""


def counted(store: "AccountStore", outcome: "Outcome", *, now: "Microseconds") -> Counts:
    """Count an outcome in everything that the account has.

    Args:
        store: the account's.
        outcome: an event outcome or an attribute.
        now: nothing after it exists.
    """
    try:
        pasts = scanned_for_frames(store, outcome)
        frames = recipe_of(spec_of(outcome.capability)).frames
        if frames is None:
            raise BadRequest(f"{outcome.capability} is not asked about outcomes.")
        counts = contact_counts(frames(outcome, pasts, now))
    except InsufficientData as error:
        return Counts(error.members.get("with_outcome"), error.members.get("without_outcome"), error)
    return Counts(counts["with_outcome"], counts["without_outcome"], None)
