"""The door of training: from an account and an outcome to a version in the registry, and its report."""

import tempfile
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.scoring.features import scoring_features
from services.scoring.model import Reference, ScoringModel
from shared.contracts.instants import instant_of
from shared.contracts.rows import DAY, Microseconds
from shared.errors import ArtifactRefused, InsufficientData, RegistryUnavailable, UnknownOutcome
from shared.evaluation.calibration import Calibrator, calibrate
from shared.evaluation.drift import CALENDAR_AUC, calendar_auc
from shared.evaluation.gate import Verdict, judged
from shared.evaluation.leaks import Leak, leaks
from shared.evaluation.metrics import losses
from shared.features import FeatureSet, Learned, LeftOut, matrix
from shared.learners.columns import Columns, Matrix, Vector, chance
from shared.learners.rule import single_column_margins
from shared.registry.fetch import artifacts
from shared.settings import Settings
from shared.store import Database, VersionRow
from shared.training.card import card
from shared.training.competition import Competition, Problem, Progress, compete
from shared.training.material import Material, material
from shared.training.publish import Fitted, Published, SettingsRegistry, digest_of_data, is_old, publish
from shared.training.report import Report, report

CAPABILITY = "scoring"
TELLS_THE_CALENDAR = "looks back further than the early frames have a past, so it mostly tells the calendar"
CHAMPION_MOST_DAYS = 180
"""Age past which a champion is replaced by a challenger that is only as good."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the caller decides about a run."""

    promote: bool = True
    allowed: Collection[str] = field(default_factory=frozenset)
    """Attributes used although they are personal, not dated, or look like a leak."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted model with the evidence behind it."""

    model: ScoringModel
    report: Report
    problem: Problem
    competition: Competition


def train(
    database: Database,
    settings: Settings,
    account: str,
    outcome_name: str,
    *,
    choices: Choices | None = None,
    now: Microseconds,
    progress: Progress = lambda _, __: None,
) -> Published:
    """Train one outcome of one account, register the version, and promote it when the gate lets it through.

    Args:
        database: the store.
        settings: tell where the registry is.
        account: whose contacts and events.
        outcome_name: defined in the account or built in.
        choices: promote or not; attributes that are allowed.
        now: nothing after it exists.
        progress: told what is done and how far the run is.

    Raises:
        UnknownOutcome: there is no such outcome; the known ones are listed.
        InsufficientData: too few contacts or too short a time, in counts.
    """
    choices = choices or Choices()
    store = database.of(account)
    outcome = store.outcome(CAPABILITY, outcome_name)
    if outcome is None:
        known = sorted(known.name for known in store.outcomes(CAPABILITY))
        raise UnknownOutcome(f"There is no scoring outcome {outcome_name!r}. Known: {', '.join(known)}.", known=known)
    progress("reading contacts and events", 0.0)
    stuff = material(store, outcome, now=now)
    fit = fitted(stuff, allowed=choices.allowed, now=now, progress=lambda text, part: progress(text, 0.1 + 0.8 * part))
    progress("registering the version", 0.92)
    name = f"{account}.{CAPABILITY}.{outcome.name}"
    published = publish(
        SettingsRegistry(settings),
        store,
        _to_publish(stuff, fit, name, now),
        gate=lambda row: _gate(settings, account, stuff, fit, row, now),
        may_promote=choices.promote,
    )
    progress("done", 1.0)
    return published


def fitted(
    stuff: Material, *, allowed: Collection[str] = (), now: Microseconds, progress: Progress = lambda _, __: None
) -> Fit:
    """Learn features, compete, judge, refit on everything: no store, no registry.

    Args:
        stuff: the frames.
        allowed: attributes used although they are personal, not dated, or look like a leak.
        now: becomes `trained_at`.
        progress: told what is done and how far, 0 to 1.

    Raises:
        InsufficientData: nothing can be told apart by any feature.
    """
    progress("computing features", 0.0)
    learned, values, suspects = _columns_and_leaks(stuff, allowed)
    columns = Columns(learned.feature_set.names, learned.feature_set.categorical)
    problem = Problem(
        matrix=values,
        labels=stuff.frames.label,
        owner=stuff.frames.contact,
        columns=columns,
        splits=stuff.splits,
        cutoff=None if stuff.flat else stuff.frames.cutoff,
        horizon=0 if stuff.flat else stuff.outcome.horizon_days * DAY,
    )
    competition = compete(problem, progress=lambda text, part: progress(text, 0.2 + 0.6 * part))
    progress("fitting on all frames", 0.85)
    learner = competition.winner.refit()
    rows = competition.judged
    out_of_fold = competition.winner.raw[rows]
    calibrator = calibrate(problem.labels[rows], out_of_fold) if competition.winner.calibrates else Calibrator()
    progress("judging", 0.9)
    found = report(
        problem,
        competition,
        importance=_padded(learner.importance(), len(columns)),
        leaks=suspects,
        left_out=learned.left_out,
    )
    model = ScoringModel(
        outcome=stuff.outcome.name,
        kind=learner.kind,
        grade=found.grade,
        horizon_days=None if stuff.flat else stuff.outcome.horizon_days,
        trained_at=instant_of(now),
        reached_by=stuff.reached_by,
        feature_set=learned.feature_set,
        learner=learner,
        calibrator=calibrator,
        reference=Reference.of(calibrator.margins(out_of_fold), values[rows]),
    )
    return Fit(model, found, problem, competition)


def _columns_and_leaks(stuff: Material, allowed: Collection[str]) -> tuple[Learned, Matrix, list[Leak]]:
    """Learn the columns; those that tell the calendar or give the outcome away are found, named, and left out."""
    learned = scoring_features(stuff.outcome, stuff.pasts, stuff.frames.contact, stuff.frames.cutoff, allowed=allowed)
    values = matrix(learned.feature_set, stuff.pasts, stuff.frames.contact, stuff.frames.cutoff)
    suspects = _suspects(stuff, learned.feature_set, values, allowed)
    leaking = {leak.name for leak in suspects}
    calendar = calendar_auc(values, stuff.frames.cutoff)
    features = learned.feature_set.features
    aging = [i for i, feature in enumerate(features) if feature.reach_days > 90 and calendar[i] >= CALENDAR_AUC]
    kept = [i for i, feature in enumerate(features) if i not in set(aging) and feature.attribute not in leaking]
    if not kept:
        raise InsufficientData(
            f"Outcome {stuff.outcome.name}: no attribute and no event tells contacts apart"
            + (f" once the suspicious ones are left out ({', '.join(sorted(leaking))})." if leaking else ".")
        )
    left_out = (*learned.left_out, *(LeftOut(features[i].name, TELLS_THE_CALENDAR, "more past data") for i in aging))
    return Learned(learned.feature_set.take(kept), left_out), values[:, kept], suspects


def _suspects(stuff: Material, feature_set: FeatureSet, values: Matrix, allowed: Collection[str]) -> list[Leak]:
    """Find the attributes that nearly know the answer; event features are honest by construction."""
    attributes = [i for i, feature in enumerate(feature_set.features) if feature.part == "fit"]
    categorical = set(feature_set.categorical)

    def margins_of(position: int) -> Vector:
        column = attributes[position]
        return single_column_margins(
            values[:, column], stuff.frames.label, stuff.splits, is_categorical=column in categorical
        )

    names = [feature_set.features[column].attribute or "" for column in attributes]
    found = leaks(values[:, attributes], stuff.frames.label, names, margins_of)
    return [leak for leak in found if leak.name not in allowed]


def _padded(importance: Vector, width: int) -> Vector:
    return np.pad(importance, (0, width - len(importance)))


def _to_publish(stuff: Material, fit: Fit, name: str, now: Microseconds) -> Fitted:
    question = f"How likely is a contact to reach {stuff.outcome.name}?"
    return Fitted(
        capability=CAPABILITY,
        outcome=stuff.outcome.name,
        model=fit.model,
        report=fit.report,
        card=card(fit.report, name=name, question=question, horizon_days=fit.model.horizon_days),
        columns=fit.model.feature_set.names,
        horizon_days=fit.model.horizon_days,
        trained_at=now,
        trained_until=stuff.until,
        data_digest=digest_of_data(fit.problem.matrix, fit.problem.labels, stuff.frames.cutoff),
        params={"outcome": stuff.outcome.model_dump_json(), "frames": len(stuff.frames)},
    )


def _gate(settings: Settings, account: str, stuff: Material, fit: Fit, row: VersionRow, now: Microseconds) -> Verdict:
    """Judge challenger and champion on frames newer than what the champion learned from.

    The challenger's margins there are out of fold: learned only from what was closed before each block began.
    """
    rows = fit.competition.judged
    known_until = row.report.get("trained_until")
    if stuff.flat or known_until is None:
        return Verdict(False, False, "flat data has no newer frames to compare on; promote by hand when it looks right")
    newer = rows[stuff.frames.cutoff[rows] >= known_until]
    labels = stuff.frames.label[newer]
    try:
        champion_loss = losses(labels, _champion_probability(settings, account, stuff, newer, row))
    except ArtifactRefused:
        return Verdict(True, True, f"the champion, version {row.version}, cannot be loaded any more")
    except RegistryUnavailable:
        return Verdict(
            False,
            False,
            f"the registry did not give the champion, version {row.version}, to compare with; train again later, or "
            "promote by hand",
        )
    return judged(
        losses(labels, chance(fit.competition.winner.margin[newer])),
        champion_loss,
        losses(labels, chance(fit.competition.constant[newer])),
        stuff.frames.contact[newer],
        champion_is_old=is_old(row, now=now, most_days=CHAMPION_MOST_DAYS),
    )


def _champion_probability(
    settings: Settings, account: str, stuff: Material, rows: NDArray[np.intp], row: VersionRow
) -> Vector:
    with tempfile.TemporaryDirectory() as scratch:
        folder = artifacts(
            settings,
            account,
            CAPABILITY,
            stuff.outcome.name,
            version=row.version,
            digest=row.digest,
            into=Path(scratch),
        )
        champion = ScoringModel.load(folder)
    values = matrix(champion.feature_set, stuff.pasts, stuff.frames.contact[rows], stuff.frames.cutoff[rows])
    return champion.predict_matrix(values)
