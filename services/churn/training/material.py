"""What a run of churn learns from: waits on a grid, the closed frames among them, and what is waited for."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from services.churn.model.periods import BOUNDS_DAYS
from shared.contracts.engagement import EXPORTED_BY_LINE
from shared.contracts.outcome import Outcome, chosen
from shared.contracts.rows import DAY, Microseconds
from shared.errors import InsufficientData
from shared.timeline import Pasts
from shared.timeline.pasts import whole_orders
from shared.timeline.risk import Episode, Waits, episode, waits
from shared.training.material import Material, framed, require_enough, splits_in_time

FLAT = Episode((), contractual=True)


@dataclass(frozen=True, slots=True)
class ChurnMaterial:
    """Frames of one churn outcome."""

    closed: Material
    """The frames whose horizon is over, labelled 1.0 where the contact left; all of them for flat data."""
    wanted: Episode
    waits: Waits | None
    """All frames, those still open too; None for flat data."""

    @property
    def outcome(self) -> Outcome:
        """Return the outcome, an automatic one as it was chosen."""
        return self.closed.outcome

    @property
    def pasts(self) -> Pasts:
        """Return whose frames these are."""
        return self.closed.pasts


def churn_material(outcome: Outcome, pasts: Pasts, *, now: Microseconds, order_by: str | None = None) -> ChurnMaterial:
    """Frame one churn outcome over given pasts.

    Args:
        outcome: a cancellation, a silence, an attribute, or an automatic one.
        pasts: everybody who may be learned from.
        now: nothing after it exists.
        order_by: the attribute that says in which order the rows of flat data came.

    Raises:
        InsufficientData: fewer than 40 contacts left or stayed, or too short a time; in counts.
    """
    outcome = chosen(outcome, type_counts(pasts))
    if outcome.attribute:
        return ChurnMaterial(framed(outcome, pasts, now=now, order_by=order_by), FLAT, None)
    until = min(now, int(pasts.at.max()) + 1) if len(pasts.at) else now
    wanted = episode(outcome, pasts)
    every = waits(outcome, wanted, pasts, until=until, least=BOUNDS_DAYS[0] * DAY)
    frames = every.frames(outcome.horizon_days * DAY, contractual=wanted.contractual)
    if outcome.is_automatic:
        raise InsufficientData(
            f"Outcome {outcome.name}: the account has no event that could tell who stays. {_needed(outcome, pasts)}",
            with_outcome=0,
            without_outcome=0,
        )
    require_enough(outcome, frames, pasts)
    splits = splits_in_time(outcome, frames, pasts)
    reached_by = wanted.waited_for if wanted.contractual else ()
    closed = Material(outcome, pasts, frames, splits, until, reached_by, len(frames))
    return ChurnMaterial(closed, wanted, every)


def _needed(outcome: Outcome, pasts: Pasts) -> str:
    """Say what to import, and why the events that there are do not count."""
    if not len(pasts.at):
        return "Import events first."
    return (
        f"Import orders, clicks or visits: {', '.join(sorted(type_counts(pasts)))} may be done by machines, or by the "
        f"sender. Or name a type: foretell outcomes set {outcome.name} --capability churn --silence TYPE."
    )


def type_counts(pasts: Pasts) -> dict[str, tuple[int, int]]:
    """Count each type's events, and those with a value; the lines of one order are one."""
    pasts = whole_orders(pasts, EXPORTED_BY_LINE)
    every = Counter(pasts.type.tolist())
    valued = Counter(pasts.type[~np.isnan(pasts.value)].tolist())
    return {name: (every[code], valued[code]) for code, name in enumerate(pasts.types) if every[code]}
