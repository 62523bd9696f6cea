"""The last known state of a contact: what the next prediction is compared with."""

from typing import Literal, NamedTuple

from shared.contracts.message import Cause
from shared.contracts.rows import Microseconds


class LastKnownState(NamedTuple):
    """Where a contact stands for one capability and outcome. Field order is the order of the store's columns."""

    contact_id: str
    capability: str
    outcome: str
    """Empty where the capability has none."""
    state: str
    """A band, the id of a segment, or an hour of the local week."""
    score: int | None
    """When the state was told, or when another version confirmed it; None where the capability has none."""
    version: str
    """The version that confirmed the state last."""
    cause: Cause | Literal["first"]
    """Why the state is what it is; `first` for what was never different."""
    previous_state: str | None
    changed_at: Microseconds
    """Cutoff of the prediction that changed it."""


class StateMove(NamedTuple):
    """How many contacts went from one state to another."""

    before: str
    after: str
    contacts: int
