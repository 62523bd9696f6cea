"""Who got which arm of an experiment, when, and with which chance: one type for every source. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shared.contracts.holdout import Holdout
from shared.contracts.rows import Microseconds
from shared.errors import BadRequest, InsufficientData
from shared.timeline import NEVER, Pasts
from shared.timeline.pasts import known_since
from shared.values.words import same_value_key

NO_TREATMENT = "none"
CONTROL_NAMES = ("control", "none", "holdout", "held out", "no", "nothing", "placebo", "untreated", "0")
"""What control is called where nobody says it; compared without case."""
LEAST_CHANCE = 0.005
"""A smaller chance counts as this much: one contact must not stand for more than two hundred."""
MOST_ARMS = 20
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ArmAssignments:
    """The assignments of an experiment; a contact may have several."""

    contact: NDArray[np.int32]
    """Row in the pasts, shape (n,)."""
    at: NDArray[np.int64]
    """Instant of assignment, microseconds, shape (n,): only what lies before it may be looked at."""
    arm: NDArray[np.int32]
    """Index into `names`, shape (n,); 0 is control."""
    propensity: NDArray[np.float64]
    """Chance of just this arm, shape (n,)."""
    names: tuple[str, ...]
    """Of the arms, control first."""
    is_planned: bool
    """Whether chances were known before; False: shares that were counted stand for them."""
    notes: tuple[str, ...] = ()
    """What was left out, in sentences."""

    def __len__(self) -> int:
        """Count the assignments."""
        return len(self.contact)

    def take(self, rows: NDArray[np.intp] | Flags) -> "ArmAssignments":
        """Keep some, in the order given."""
        return replace(
            self, contact=self.contact[rows], at=self.at[rows], arm=self.arm[rows], propensity=self.propensity[rows]
        )

    def of_arms(self, kept: Sequence[int]) -> "ArmAssignments":
        """Keep some arms, control among them, and number them anew.

        Chances become those among the arms that are kept where they are the same for everybody; others stay.
        """
        place = np.full(len(self.names), -1, dtype=np.int32)
        place[list(kept)] = np.arange(len(kept))
        found = self.take(place[self.arm] >= 0)
        found = replace(found, arm=place[found.arm], names=tuple(self.names[number] for number in kept))
        return found if found.is_planned else found.with_counted_chances()

    def with_counted_chances(self) -> "ArmAssignments":
        """Let the shares of the arms stand for chances that nobody stated."""
        shares = np.bincount(self.arm, minlength=len(self.names)) / max(len(self), 1)
        return replace(self, propensity=shares[self.arm], is_planned=False)

    @property
    def in_words(self) -> str:
        """List the arms with their numbers of contacts."""
        return ", ".join(f"{name} {count:,}" for name, count in zip(self.names, self.contacts(), strict=True))

    def contacts(self) -> list[int]:
        """Count the contacts of each arm."""
        return [len(np.unique(self.contact[self.arm == number])) for number in range(len(self.names))]


def assigned(
    contact: Sequence[int] | NDArray[np.int32],
    at: Sequence[Microseconds] | NDArray[np.int64],
    arms: Sequence[str],
    propensity: Sequence[float] | NDArray[np.float64] | None,
    *,
    control: str | None = None,
) -> ArmAssignments:
    """Make assignments from names of arms.

    Args:
        contact: row in the pasts, one an assignment.
        at: instants, microseconds.
        arms: name of each assignment's arm.
        propensity: chance of each; None: shares stand for it.
        control: name of the control arm; None: one that is called so.

    Raises:
        BadRequest: no arm is called control, or there are too many arms.
        InsufficientData: nobody was assigned, or all to one arm.
    """
    counts = Counter(arms)
    if len(counts) < 2:
        raise InsufficientData(
            f"The experiment has {len(counts)} arms among {len(arms):,} assignments; a control and a treatment are "
            f"needed. {HOW_TO_START}",
            arms=len(counts),
            assignments=len(arms),
        )
    if len(counts) > MOST_ARMS + 1:
        raise BadRequest(f"The experiment has {len(counts):,} arms; {MOST_ARMS} beside control are the most.")
    first = control_among(counts, control)
    names = (first, *sorted(name for name in counts if name != first))
    number = {name: place for place, name in enumerate(names)}
    chances = np.ones(len(arms)) if propensity is None else np.asarray(propensity, dtype=np.float64)
    made = ArmAssignments(
        np.asarray(contact, dtype=np.int32),
        np.asarray(at, dtype=np.int64),
        np.array([number[name] for name in arms], dtype=np.int32),
        np.clip(chances, LEAST_CHANCE, 1.0),
        names,
        propensity is not None,
    )
    return made if propensity is not None else made.with_counted_chances()


HOW_TO_START = (
    "Effects need contacts that were left out by lot: start a holdout (foretell holdouts create), keep a share of "
    "control in next best message or in a send plan, or import who was in which arm of a test elsewhere as events of "
    "type treatment_assigned with the arm in `item`."
)


def control_among(counts: Mapping[str, int], named: str | None) -> str:
    """Find the control arm.

    Raises:
        BadRequest: none has the name, or none is called control.

    >>> control_among({"mens": 3, "Control": 2}, None)
    'Control'
    """
    by_key = {same_value_key(name): name for name in counts}
    wanted = CONTROL_NAMES if named is None else (named,)
    found = next((by_key[key] for name in wanted if (key := same_value_key(name)) in by_key), None)
    if found is not None:
        return found
    listed = ", ".join(f"{name} ({count:,})" for name, count in sorted(counts.items(), key=lambda pair: -pair[1]))
    if named is None:
        raise BadRequest(
            f"No arm is called control. Say which one it is with --control; there are: {listed}. {HOW_TO_START}"
        )
    raise BadRequest(f"No contact is in an arm {named}; there are: {listed}.")


def of_holdout(pasts: Pasts, holdout: Holdout, until: Microseconds) -> ArmAssignments:
    """Assign by a holdout: everybody at its start, or from the moment on at which the contact was known.

    Args:
        pasts: of everybody who may be learned from.
        holdout: which draws by the contact's id alone.
        until: the end of the data.
    """
    known = known_since(pasts)
    at = np.maximum(known + 1, holdout.created_at)
    rows = np.flatnonzero((known < NEVER) & (at < until))
    held = np.array([holdout.holds(pasts.contact_ids[row]) for row in rows], dtype=bool)
    return assigned(
        rows.astype(np.int32),
        at[rows],
        ["held out" if one else "treated" for one in held.tolist()],
        np.where(held, holdout.share, 1 - holdout.share),
        control="held out",
    )


def chances_of(values: Iterable[object]) -> NDArray[np.float64] | None:
    """Read chances; None where one of them is none.

    >>> chances_of([0.5, 1.0]) is None, chances_of([0.5, 0.0]) is None
    (False, True)
    """
    numbers = np.array([_number(value) for value in values], dtype=np.float64)
    return numbers if len(numbers) and bool(((numbers > 0) & (numbers <= 1)).all()) else None


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return float("nan")
