"""Write the golden artifacts anew: `PYTHONPATH=. python tests/contract/golden/churn/regenerate.py`.

To be run only when answers are meant to change (a new ENGINE_VERSION or artifact FORMAT); the difference belongs
into the same commit as the reason for it.
"""

import json
import shutil
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from services.churn.model import ChurnModel, ChurnQuery, ChurnReference, Periods, cumulative_hazard
from services.churn.training import churn_material
from services.churn.training.hazard import HazardRows, hazard_rows
from shared.contracts.outcome import Outcome
from shared.contracts.rows import ALWAYS, DAY, HOUR
from shared.evaluation.calibration import Calibrator
from shared.features import FeatureSet, matrix
from shared.learners import Learner, Logistic, Rule, Trees, TreeShape
from shared.learners.simple import Columns
from shared.timeline import ContactFacts, EventTuple, Pasts, build
from shared.timeline.past_rows import DatedValue
from shared.timeline.risk import Episode
from shared.training.problem import outcome_features

HERE = Path(__file__).parent
START = 1_740_000_000_000_000
DAYS = 600
"""Long enough that a silence of 30 days is asked about in every season."""
SILENCE = Outcome(name="lapsed", capability="churn", silence=("order_placed",), horizon_days=30, active_within_days=90)
LEAVING = Outcome(name="left", capability="churn", event_types=("subscription_cancelled",), horizon_days=30)
FLAT = Outcome(name="gone", capability="churn", attribute="gone")
KEPT = 14
"""Contacts whose pasts and answers are kept."""
ASKED = ChurnQuery(horizons=(7, 60, 365), survival=True, reasons=5)
THINGS = ("recency:order_placed", "rhythm:order_placed", "value:order_placed", "activity:email_clicked", "tenure")


def account(contacts: int = 130) -> tuple[dict[str, ContactFacts], list[EventTuple]]:
    """Simulate members who begin, order, click and leave, with attributes and holes in them."""
    draw = np.random.default_rng(21)
    facts: dict[str, ContactFacts] = {}
    rows: list[EventTuple] = []

    def event(contact_id: str, kind: str, day: float, value: float | None = None) -> None:
        rows.append((contact_id, f"e{len(rows)}", kind, START + int(day * DAY), value, None, None, None, None))

    for number in range(contacts):
        name, plan = f"c{number:03d}", str(draw.choice(["basic", "gold", "pro"]))
        begins = float(draw.uniform(0, DAYS - 60))
        leaves = begins + float(draw.exponential({"basic": 120, "gold": 300, "pro": 900}[plan]))
        named = {"plan": plan, "employees": int(draw.integers(1, 500)), "gone": int(leaves < DAYS)}
        facts[name] = ContactFacts(
            created_at=START + int(begins * DAY) if number % 4 else None,
            timezone=["Europe/Paris", "America/New_York", None][number % 3],
            attributes=tuple(
                DatedValue(key, ALWAYS, value) for key, value in named.items() if key == "gone" or draw.random() < 0.8
            ),
        )
        event(name, "subscription_started", begins, 20.0)
        ends = min(leaves, float(DAYS))
        for day in draw.uniform(begins, ends, draw.poisson((ends - begins) / 25)):
            season = 1 + 0.5 * np.sin(2 * np.pi * day / 365.25)
            if draw.random() < season / 1.5:
                event(name, "order_placed", float(day), round(float(draw.gamma(2, 20)), 2))
        for day in draw.uniform(begins, ends, draw.poisson((ends - begins) / 60)):
            event(name, "email_clicked", float(day))
        if leaves < DAYS:
            event(name, "subscription_cancelled", leaves)
            if number % 7 == 0 and leaves + 30 < DAYS:
                event(name, "subscription_started", leaves + 30, 20.0)
    return facts, rows


def laid_out(outcome: Outcome, pasts: Pasts) -> tuple[Episode, FeatureSet, HazardRows]:
    """Lay the rows of a hazard out, with a few columns."""
    material = churn_material(outcome, pasts, now=START + DAYS * DAY)
    assert material.waits is not None
    frames = material.closed.frames
    learned = outcome_features(outcome, pasts, frames.contact, frames.cutoff).feature_set
    few = [i for i, one in enumerate(learned.features) if one.thing in THINGS or one.attribute in ("plan", "employees")]
    features = learned.take(few)
    values = matrix(features, pasts, material.waits.contact, material.waits.cutoff)
    return material.wanted, features, hazard_rows(material, features, material.waits, values)


def in_time(kind: str, outcome: Outcome, pasts: Pasts) -> ChurnModel:
    """Fit a version of a kind on the whole account."""
    wanted, features, rows = laid_out(outcome, pasts)
    problem = rows.problem
    assert problem.strata is not None
    base = problem.base(np.arange(len(problem.labels)))
    offset = base[problem.strata]
    learner: Learner
    if kind == "lightgbm":
        shape = TreeShape(leaves=7, min_rows=200)
        learner = Trees.fit(
            problem.matrix, problem.labels, problem.columns, shape=shape, rounds=12, seed=3, offset=offset
        )
    else:
        learner = Logistic.fit(problem.matrix, problem.labels, problem.columns, ridge=30.0, offset=offset)
    fields: dict[str, Any] = {
        "outcome": outcome.name,
        "kind": kind,
        "grade": "B",
        "horizon_days": outcome.horizon_days,
        "trained_at": datetime(2026, 6, 1, tzinfo=UTC),
        "episode": wanted,
        "feature_set": features,
        "learner": learner,
        "calibrator": Calibrator(0.9, -0.1),
        "base": base,
        "periods": rows.periods,
        "seasonal": rows.seasonal,
        "value_types": ("order_placed",),
        "band_lifts": (0.5, 1.0, 1.5) if kind == "lightgbm" else outcome.band_lifts,
    }
    unplaced = ChurnModel(**fields, reference=empty_reference(len(features), len(rows.periods)))
    hazard = unplaced.hazard(rows.values, rows.waits.cutoff)
    reference = ChurnReference.of(hazard, unplaced.leaving(hazard), rows.values)
    return ChurnModel(**fields, reference=reference)


def empty_reference(p: int, k: int) -> ChurnReference:
    """Make a place for the population until it is known."""
    return ChurnReference(np.ones((k, 99)), np.full(k, 0.5), np.zeros((p, 9)), np.zeros((p, 11)))


def flat(pasts: Pasts) -> ChurnModel:
    """Fit the best single rule on the attributes alone."""
    material = churn_material(FLAT, pasts, now=START + DAYS * DAY)
    frames = material.closed.frames
    learned = outcome_features(FLAT, pasts, frames.contact, frames.cutoff).feature_set
    features = learned.take([i for i, one in enumerate(learned.features) if one.attribute])
    values = matrix(features, pasts, frames.contact, frames.cutoff)
    learner = Rule.fit(values, frames.label, Columns(features.names, features.categorical))
    calibrator = Calibrator(0.9, -0.1)
    hazard = cumulative_hazard(calibrator.margins(learner.margins(values))[:, None])
    return ChurnModel(
        outcome="gone",
        kind="rule",
        grade="C",
        horizon_days=None,
        trained_at=datetime(2026, 6, 1, tzinfo=UTC),
        episode=material.wanted,
        feature_set=features,
        learner=learner,
        calibrator=calibrator,
        base=np.zeros(1),
        periods=Periods((1.0,)),
        seasonal=False,
        reference=ChurnReference.of(hazard, -np.expm1(-hazard), values),
    )


def main() -> None:
    """Write artifacts, pasts and answers."""
    facts, rows = account()
    kept = {name: facts[name] for name in sorted(facts)[:KEPT]}
    known = [row for row in rows if row[0] in kept]
    cutoffs = [START + (180 + 30 * place) * DAY + 12 * HOUR for place in range(KEPT + 1)]
    ids = [*kept, "nobody"]
    pasts = {
        "contact_ids": ids,
        "cutoffs": cutoffs,
        "facts": {
            name: {
                "created_at": fact.created_at,
                "timezone": fact.timezone,
                "attributes": [[one.name, one.valid_from, one.value] for one in fact.attributes],
            }
            for name, fact in kept.items()
        },
        "events": known,
    }
    (HERE / "pasts.json").write_text(json.dumps(pasts, separators=(",", ":")).replace("],[", "],\n[") + "\n")
    whole, columns = build(list(facts), facts, [rows]), build(ids, kept, [known])
    models = {
        "silence": in_time("lightgbm", SILENCE, whole),
        "cancellation": in_time("logistic", LEAVING, whole),
        "flat": flat(whole),
    }
    assert models["silence"].seasonal
    for name, model in models.items():
        shutil.rmtree(HERE / name, ignore_errors=True)
        model.save(HERE / name)
        scored = model.predict(columns, np.array(cutoffs), ASKED)
        answers = [{**asdict(one), "reasons": [reason._asdict() for reason in one.reasons]} for one in scored]
        written = json.dumps(answers, separators=(",", ":")).replace("},{", "},\n{")
        (HERE / name / "answers.json").write_text(written + "\n")


if __name__ == "__main__":
    main()
