"""A decision: which message was chosen for a contact, among which, and with which chance."""

from enum import StrEnum
from typing import Final, NamedTuple

from shared.contracts.rows import Microseconds


class DecisionArm(StrEnum):
    """Who chose: what a policy brings is told by comparing it with `control`."""

    policy = "policy"
    """The policy, its exploration included; while no version is trained, an equal chance for each."""
    control = "control"
    """The contact is of the control group: a message by equal chances, or none, and never by a model."""
    imported = "imported"
    """Another tool."""


CAPABILITY: Final = "messages"
CLICKED: Final = "clicked"
"""The outcome that is meant where an account chose none."""
UNTRAINED: Final = "0"
"""The version of a decision that no trained model took part in."""


class DecisionRow(NamedTuple):
    """One decision, committed before it is answered, never changed. Field order is the order of the store's columns."""

    decision_id: str
    """Unique in the account; ids made here sort by time."""
    contact_id: str
    outcome: str
    """What is meant to be reached."""
    slot: str
    """The place that it fills, such as `subject`; empty where the call names none."""
    campaign_id: str
    """A contact keeps its decision within a campaign, outcome and slot; empty: each call decides anew."""
    message_id: str | None
    """None: nothing is sent."""
    arm: str
    """A value of `DecisionArm`."""
    propensity: float
    """Chance with which just this was chosen, over all that could have been, given the arm: above 0, at most 1."""
    candidates: tuple[str, ...]
    """What could have been chosen, sorted; empty text stands for nothing."""
    version: str
    """Of the model that chose; UNTRAINED where none did."""
    decided_at: Microseconds
    reward: float | None = None
    """Of an imported decision, what it earned; None: the contact's events say it."""
    sending: float = 1.0
    """Chance with which anything was sent, where nothing was a candidate beside messages; `propensity / sending` is the
    chance of the message among messages. Where control got nothing: 1 if a message would have been sent, else below."""


class RecentDecision(NamedTuple):
    """What a contact got lately, as far as caps and pauses need it."""

    message_id: str | None
    """None: it got nothing as one of the control group, where a message would have been sent."""
    slot: str
    campaign_id: str
    decided_at: Microseconds
