"""What a run of messages learns from: decisions whose time to earn is over, with what each of them earned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from services.messages.model.policy import MessageTraits
from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY, Microseconds, instant_of
from shared.decisions.columns import DecisionColumns, Vector
from shared.errors import InsufficientData
from shared.timeline import Pasts

LEAST_DECISIONS = 200
"""Sent messages whose time to earn is over."""
LEAST_EACH = 20
"""Of a message that counts as tried out."""
LEAST_REWARDED = 40
"""Contacts who brought something: below that, chance decides which message looks best."""
GIANT, COMMON = 20.0, 0.995
"""No value counts for more than 20 times what nearly all stay below, as in orders."""


@dataclass(frozen=True, slots=True)
class MessageMaterial:
    """Decisions that sent something, the oldest first."""

    outcome: Outcome
    pasts: Pasts
    decisions: DecisionColumns
    reward: Vector
    """(n,)"""
    contact: NDArray[np.int32]
    """Row of each decision in the pasts, shape (n,)."""
    messages: tuple[MessageTraits, ...]
    """In the order of the decisions' codes."""
    notes: tuple[str, ...]

    def __len__(self) -> int:
        """Count the decisions."""
        return len(self.reward)

    @property
    def at(self) -> NDArray[np.int64]:
        """When each was made."""
        return self.decisions.at

    @property
    def horizon(self) -> Microseconds:
        """How long a decision may earn."""
        return self.outcome.horizon_days * DAY

    @property
    def is_share(self) -> bool:
        """Whether a reward lies between 0 and 1; imported ones may not."""
        within = not len(self.reward) or (self.reward.min() >= 0 and self.reward.max() <= 1)
        return not self.outcome.sums_value and bool(within)


def message_material(
    outcome: Outcome,
    pasts: Pasts,
    decisions: DecisionColumns,
    reward: Vector,
    attributes: Mapping[str, Mapping[str, str]],
) -> MessageMaterial:
    """Choose what is learned from.

    Args:
        outcome: what is meant to be reached.
        pasts: everybody who may be learned from.
        decisions: of the outcome.
        reward: what each earned, shape (n,); NaN where its time is not over.
        attributes: of the messages of the catalogue, by id.

    Raises:
        InsufficientData: too few decisions, of too few messages, or too few that earned something; in counts.
    """
    place = {name: row for row, name in enumerate(pasts.contact_ids)}
    rows = np.array([place.get(name, -1) for name in decisions.contacts], dtype=np.int32)
    contact = rows[decisions.contact] if len(decisions) else np.empty(0, np.int32)
    sent = decisions.message >= 0
    over = ~np.isnan(reward)
    kept = np.flatnonzero(sent & over & (contact >= 0))
    kept = kept[np.argsort(decisions.at[kept], kind="stable")]
    waiting = decisions.at[sent & ~over]
    until = instant_of(int(waiting.min()) + outcome.horizon_days * DAY) if len(waiting) else None
    _require_enough(decisions, reward, kept, waiting=len(waiting), until=until)
    reward, notes = _without_giants(reward[kept]) if outcome.sums_value else (reward[kept], [])
    strangers = int((sent & over & (contact < 0)).sum())
    if strangers:
        notes.append(f"{strangers:,} decisions about contacts who denied profiling, or are no more, were left out.")
    messages = tuple(MessageTraits(name, attributes.get(name, {})) for name in decisions.messages)
    return MessageMaterial(
        outcome, pasts, decisions.take(kept), reward, contact[kept].astype(np.int32), messages, tuple(notes)
    )


def _require_enough(
    decisions: DecisionColumns, reward: Vector, kept: NDArray[np.intp], *, waiting: int, until: datetime | None
) -> None:
    counts = np.bincount(decisions.message[kept], minlength=len(decisions.messages)) if len(kept) else np.zeros(0, int)
    tried = int((counts >= LEAST_EACH).sum())
    rewarded = len(np.unique(decisions.contact[kept][reward[kept] > 0]))
    missing = []
    if len(kept) < LEAST_DECISIONS:
        missing.append(f"{LEAST_DECISIONS - len(kept):,} more sent messages whose window is over")
    if tried < 2:
        missing.append(f"a second message that was sent {LEAST_EACH} times")
    if rewarded < LEAST_REWARDED:
        missing.append(f"{LEAST_REWARDED - rewarded:,} more contacts who brought something")
    if missing:
        later = ""
        if until is not None:
            later = f" {waiting:,} more count once their window is over, the first from {until:%Y-%m-%d %H:%M} UTC on."
        raise InsufficientData(
            f"{len(kept):,} sent messages can be learned from, of {tried} messages with {LEAST_EACH} each, and "
            f"{rewarded:,} contacts brought something.{later} Still needed: "
            f"{' and '.join(missing)}. Until then all messages have equal chances, which is what a training needs.",
            decisions=len(kept),
            needed_decisions=LEAST_DECISIONS,
            waiting=waiting,
            messages=tried,
            needed_messages=2,
            rewarded_contacts=rewarded,
            needed_rewarded_contacts=LEAST_REWARDED,
        )


def _without_giants(reward: Vector) -> tuple[Vector, list[str]]:
    """Let no reward count for more than many times what nearly all stay below."""
    earning = reward[reward > 0]
    if not len(earning):
        return reward, []
    most = GIANT * float(np.quantile(earning, COMMON, method="lower"))
    giants = int((reward > most).sum())
    if not giants:
        return reward, []
    note = f"{giants:,} rewards are over {GIANT:g} times as large as nearly all others, and count as so much."
    return np.minimum(reward, most), [note]


@dataclass(frozen=True, slots=True)
class DecisionSplit:
    """What is learned from, and what judges it."""

    train: NDArray[np.intp]
    judged: NDArray[np.intp]


JUDGED_SHARE = 0.3
FOLDS = 5


def splits_of(material: MessageMaterial) -> tuple[Sequence[DecisionSplit], bool]:
    """Part decisions so that what judges is later than all that was known when the policy was learned.

    Returns:
        One split by time; where all decisions were made at about one time, folds by contact instead, and whether it
        is by time.
    """
    at = material.at
    begin = int(np.quantile(at, 1 - JUDGED_SHARE, method="lower"))
    train = np.flatnonzero(at + material.horizon <= begin)
    judged = np.flatnonzero(at >= begin)
    enough = len(train) >= LEAST_DECISIONS / 2 and len(judged) >= LEAST_DECISIONS / 4
    if enough and _tried(material, train) >= 2:
        return [DecisionSplit(train, judged)], True
    fold = np.random.default_rng(SEED).integers(0, FOLDS, len(material.pasts))[material.contact]
    return [DecisionSplit(np.flatnonzero(fold != one), np.flatnonzero(fold == one)) for one in range(FOLDS)], False


SEED = 42


def _tried(material: MessageMaterial, rows: NDArray[np.intp]) -> int:
    return len(np.unique(material.decisions.message[rows]))
