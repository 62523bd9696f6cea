"""What a run learns from: assignments of an experiment, what was known before each, and what came after."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.uplift.schemas import UpliftChoices
from services.uplift.training.assignments import HOW_TO_START, ArmAssignments
from services.uplift.training.learners import ExperimentTable
from services.uplift.training.sources import DEFAULT_EVENT, Source, Wanted, read_experiment
from shared.contracts.defaults import LEAST_CONTACTS
from shared.contracts.outcome import Outcome, mistyped
from shared.contracts.rows import DAY, Microseconds
from shared.errors import InsufficientData
from shared.features import ColumnRead, FeatureSet, Inputs, LeftOut, learn, matrix
from shared.learners import Columns
from shared.store import AccountStore
from shared.timeline import Pasts
from shared.timeline.pasts import flat_frames, labels_of, of_type, outcome_type, positions_before
from shared.training.material import SEED, Split, contact_folds, forward_chain

LEAST_OF_ARM = 50
"""Contacts of an arm, below which it is left out."""
MOST_ROWS = 300_000
SPREAD_HORIZONS = 4
"""From so many horizons between the first assignment and the last on, later ones judge what earlier ones taught."""
LEAST_BLOCKS = 3


@dataclass(frozen=True)
class UpliftMaterial:
    """ArmAssignments with features and outcomes, ready to be learned from."""

    outcome: Outcome
    pasts: Pasts
    source: str
    assigned: ArmAssignments
    table: ExperimentTable
    feature_set: FeatureSet
    values: NDArray[np.float64]
    """The matrix with what is missing, shape (n, p)."""
    inputs: Inputs
    splits: tuple[Split, ...]
    is_in_time: bool
    """Whether later assignments judge; False: other contacts do."""
    until: Microseconds | None
    """The end of the data; None: there are no times."""
    reached_by: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    columns: tuple[ColumnRead, ...]
    notes: tuple[str, ...]

    @property
    def is_flat(self) -> bool:
        """Whether there are no times, only columns with arm and outcome."""
        return self.until is None


@dataclass(frozen=True, slots=True)
class Followed:
    """ArmAssignments whose outcome is known."""

    assigned: ArmAssignments
    label: NDArray[np.float64]
    notes: tuple[str, ...]


def material_of(
    store: AccountStore, pasts: Pasts, outcome: Outcome, choices: UpliftChoices, *, now: Microseconds
) -> UpliftMaterial:
    """Read an experiment and what followed it.

    Args:
        store: of the account.
        pasts: of everybody who may be learned from.
        outcome: what is to be changed.
        choices: which experiment, and which columns.
        now: nothing after it exists.

    Raises:
        InsufficientData: no control, or too few contacts; in counts.
        BadRequest: there is no such experiment.
    """
    source = Source.of(choices.experiment or f"event:{DEFAULT_EVENT}")
    is_flat = outcome.attribute is not None
    until = now if is_flat or not len(pasts.at) else min(now, int(pasts.at.max()) + 1)
    wanted = Wanted(source, choices.control, choices.propensity, outcome.name, is_flat)
    followed = followed_up(outcome, pasts, read_experiment(store, pasts, wanted, until=until), until=until, now=now)
    assigned, label = followed.assigned, followed.label
    own = {outcome.attribute, source.attribute, choices.propensity, *choices.forbidden} - {None}
    learned = learn(
        pasts,
        assigned.contact,
        assigned.at,
        excluded={name for name in own if name},
        allowed=choices.allowed,
        dated_only=not is_flat,
    )
    kept = [
        place
        for place, one in enumerate(learned.feature_set.features)
        if source.event_type is None or source.event_type not in (one.type, one.other)
    ]
    features = learned.feature_set.take(kept)
    if not len(features):
        raise InsufficientData(
            "No attribute and no event before the assignment tells contacts apart. Import what was known of them."
        )
    values = matrix(features, pasts, assigned.contact, assigned.at)
    reached = (label > 0).astype(np.float64)
    inputs = Inputs.of(features, values, reached, assigned.contact, known=pasts.attributes)
    columns = Columns(features.names, features.categorical)
    table = ExperimentTable(
        inputs.filled(values),
        columns,
        label,
        assigned.arm,
        assigned.propensity,
        assigned.contact,
        len(assigned.names) - 1,
    )
    splits, is_in_time = splits_of(assigned, label, horizon=outcome.horizon_days * DAY, is_flat=is_flat)
    code = outcome_type(outcome, pasts) if outcome.event_types else -1
    return UpliftMaterial(
        outcome=outcome,
        pasts=pasts,
        source=choices.experiment or f"event:{DEFAULT_EVENT}",
        assigned=assigned,
        table=table,
        feature_set=features,
        values=values,
        inputs=inputs,
        splits=splits,
        is_in_time=is_in_time,
        until=None if is_flat else until,
        reached_by=() if outcome.repeatable or code < 0 else (pasts.types[code],),
        left_out=learned.left_out,
        columns=learned.columns,
        notes=followed.notes,
    )


def followed_up(
    outcome: Outcome, pasts: Pasts, assigned: ArmAssignments, *, until: Microseconds, now: Microseconds
) -> Followed:
    """Keep the assignments whose outcome is known, of arms with enough contacts.

    Raises:
        InsufficientData: control or every other arm has too few contacts, or too few reached the outcome.
    """
    read = len(assigned)
    label = (
        _flat_labels(outcome, pasts, assigned, now) if outcome.attribute else _labels(outcome, pasts, assigned, until)
    )
    known = ~np.isnan(label)
    assigned, label = assigned.take(known), label[known]
    counts = assigned.contacts()
    enough = [number for number, count in enumerate(counts) if count >= LEAST_OF_ARM]
    reached = len(np.unique(assigned.contact[label != 0]))
    if 0 not in enough or len(enough) < 2 or reached < LEAST_CONTACTS:
        what = mistyped(outcome, attributes=pasts.attributes, types=pasts.types)
        over = "" if outcome.attribute else f", {read - len(assigned):,} more are not over or had reached it before"
        raise InsufficientData(
            f"{what}{' ' if what else ''}Contacts whose {outcome.horizon_days} days are over: {assigned.in_words}"
            f"{over}; {LEAST_OF_ARM} are needed in control ({assigned.names[0]}) and in another arm, and "
            f"{LEAST_CONTACTS} who reached {outcome.name}: there are {reached}. Wait, or assign more. {HOW_TO_START}",
            contacts_in_control=counts[0],
            contacts_in_largest_arm=max(counts[1:], default=0),
            needed_an_arm=LEAST_OF_ARM,
            reached=reached,
            needed_reached=LEAST_CONTACTS,
        )
    notes = [*assigned.notes]
    left = [assigned.names[number] for number in range(len(counts)) if number not in enough]
    if left:
        notes.append(f"Left out, with fewer than {LEAST_OF_ARM} contacts: {', '.join(left)}.")
        rows = np.isin(assigned.arm, enough)
        assigned, label = assigned.of_arms(enough), label[rows]
    if not assigned.is_planned:
        assigned = assigned.with_counted_chances()
    if len(assigned) > MOST_ROWS:
        drawn = np.sort(np.random.default_rng(SEED).permutation(len(assigned))[:MOST_ROWS])
        notes.append(f"{MOST_ROWS:,} of {len(assigned):,} assignments were drawn.")
        assigned, label = assigned.take(drawn), label[drawn]
    return Followed(assigned, label, tuple(notes))


def _flat_labels(outcome: Outcome, pasts: Pasts, assigned: ArmAssignments, now: Microseconds) -> NDArray[np.float64]:
    frames = flat_frames(outcome, pasts, now)
    label = np.full(len(pasts), np.nan)
    label[frames.contact] = frames.label
    return label[assigned.contact]


def _labels(outcome: Outcome, pasts: Pasts, assigned: ArmAssignments, until: Microseconds) -> NDArray[np.float64]:
    """Return what came within the horizon of each assignment; NaN where that is not over, or it had come before."""
    code, horizon = outcome_type(outcome, pasts), outcome.horizon_days * DAY
    if code < 0:
        return np.full(len(assigned), np.nan)
    reached = of_type(pasts, code)
    label = labels_of(reached, assigned.contact, assigned.at, horizon, repeatable=outcome.repeatable)
    if outcome.sums_value:
        label = np.where(np.isnan(label), np.nan, _sums(reached, assigned, horizon))
    return np.where(assigned.at + horizon <= until, label, np.nan)


def _sums(reached: Pasts, assigned: ArmAssignments, horizon: Microseconds) -> NDArray[np.float64]:
    total = np.concatenate([[0.0], np.cumsum(np.nan_to_num(reached.value))])
    first = positions_before(reached, assigned.contact, assigned.at)
    end = positions_before(reached, assigned.contact, assigned.at + horizon)
    found: NDArray[np.float64] = total[end] - total[first]
    return found


def splits_of(
    assigned: ArmAssignments, label: NDArray[np.float64], *, horizon: Microseconds, is_flat: bool
) -> tuple[tuple[Split, ...], bool]:
    """Cut the assignments into blocks of time where they spread enough, else into folds of contacts.

    Returns:
        The splits, and whether they are of time.
    """
    spread = int(assigned.at.max() - assigned.at.min()) if len(assigned) else 0
    if not is_flat and spread >= SPREAD_HORIZONS * horizon:
        chain = [one for one in forward_chain(assigned.at, horizon=horizon) if _has_every_arm(assigned, one)]
        if len(chain) >= LEAST_BLOCKS:
            return tuple(chain), True
    return tuple(contact_folds(assigned.contact, (label > 0).astype(np.float64))), False


def _has_every_arm(assigned: ArmAssignments, split: Split) -> bool:
    def fewest(rows: Sequence[int] | NDArray[np.intp]) -> int:
        return int(np.bincount(assigned.arm[rows], minlength=len(assigned.names)).min())

    return fewest(split.train) >= LEAST_OF_ARM and fewest(split.test) > 0
