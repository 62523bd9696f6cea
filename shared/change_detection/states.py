"""The last known state of a contact: what the next prediction is compared with."""

from typing import Literal, NamedTuple

from shared.contracts.message import Cause
from shared.contracts.rows import Microseconds


class LastKnownState(NamedTuple):
    """The last known state of a contact, for one capability and outcome. Fields in the order of the store's columns."""

    contact_id: str
    capability: str
    outcome: str
    """Empty where the capability has none."""
    state: str
    """A band, the id of a segment, or an hour of the local week."""
    score: int | None
    """At the time of the state, or when another version confirmed it; None if the capability has no score."""
    version: str
    """The version that confirmed the state last."""
    cause: Cause | Literal["first"]
    """Why the state changed; `first` if it never did."""
    previous_state: str | None
    changed_at: Microseconds
    """Cutoff of the prediction that changed it."""


class StateMove(NamedTuple):
    """How many contacts went from one state to another."""

    before: str
    after: str
    contacts: int
