"""Write the golden artifacts anew: `PYTHONPATH=. python tests/contract/golden/scoring/regenerate.py`.

To be run only when answers are meant to change (a new ENGINE_VERSION or artifact FORMAT); the difference belongs
into the same commit as the reason for it.
"""

import json
import shutil
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from services.scoring.model import ScoringModel
from shared.contracts.outcome import Outcome
from shared.contracts.rows import ALWAYS, DAY, HOUR
from shared.evaluation.calibration import Calibrator, Reference
from shared.features import matrix
from shared.learners import Learner, Logistic, Rule, Trees, TreeShape
from shared.learners.simple import Columns, chance
from shared.timeline import ContactFacts, EventTuple, build
from shared.timeline.past_rows import DatedValue
from shared.timeline.pasts import closed_frames
from shared.training.problem import outcome_features

HERE = Path(__file__).parent
START = 1_760_000_000_000_000
DAYS = 240
OUTCOME = Outcome(name="order", capability="scoring", event_types=("order_placed",), horizon_days=30, repeatable=True)
KINDS = ("lightgbm", "logistic", "rule")
KEPT = 25
"""Contacts whose pasts and answers are kept."""


def account(contacts: int = 150) -> tuple[dict[str, ContactFacts], list[EventTuple]]:
    """Simulate mails, clicks and orders with values and items, attributes of every kind, and holes in all of them."""
    generator = np.random.default_rng(20)
    facts: dict[str, ContactFacts] = {}
    rows: list[EventTuple] = []

    def event(contact_id: str, kind: str, at: int, value: float | None, campaign: str | None, item: str | None) -> None:
        human = [None, 1, 0][int(generator.integers(3))] if kind == "email_opened" else None
        rows.append((contact_id, f"e{len(rows)}", kind, at, value, None, campaign, item, human))

    for number in range(contacts):
        contact_id = f"c{number:03d}"
        eager = float(np.exp(generator.normal()))
        named = {
            "plan": str(generator.choice(["basic", "gold", "pro"])),
            "employees": int(generator.integers(1, 500)),
            "trial": bool(generator.random() < 0.3),
            "signed_on": str(np.datetime64("2024-01-01") + int(generator.integers(0, 600))),
        }
        facts[contact_id] = ContactFacts(
            created_at=START + int(generator.uniform(0, 30) * DAY) if number % 4 else None,
            timezone=["Europe/Paris", "America/New_York", None][number % 3],
            attributes=tuple(
                DatedValue(name, ALWAYS, value) for name, value in named.items() if generator.random() < 0.8
            ),
        )
        for week in range(DAYS // 7):
            at = START + week * 7 * DAY + int(generator.uniform(0, 20) * HOUR)
            event(contact_id, "email_sent", at, None, f"k{week % 9}", None)
            if generator.random() < 0.4:
                event(contact_id, "email_opened", at + HOUR, None, f"k{week % 9}", None)
            if generator.random() < 0.15 * min(eager, 4):
                event(contact_id, "email_clicked", at + 2 * HOUR, None, f"k{week % 9}", None)
        for day in generator.uniform(0, DAYS, generator.poisson(3 * eager)):
            item = str(generator.choice(["tea", "cups", "cake", "milk"]))
            event(
                contact_id, "order_placed", START + int(day * DAY), round(float(generator.gamma(2, 20)), 2), None, item
            )
    return facts, rows


def learner_of(kind: str, values: np.ndarray, labels: np.ndarray, columns: Columns) -> Learner:
    """Fit a small learner of a kind."""
    if kind == "lightgbm":
        return Trees.fit(values, labels, columns, shape=TreeShape(leaves=7, min_rows=20), rounds=25, seed=3)
    if kind == "logistic":
        return Logistic.fit(values, labels, columns, ridge=5.0)
    return Rule.fit(values, labels, columns)


def fit(kind: str, facts: dict[str, ContactFacts], rows: list[EventTuple]) -> ScoringModel:
    """Fit a model of a kind on the whole account."""
    pasts = build(list(facts), facts, [rows])
    frames = closed_frames(OUTCOME, pasts, until=START + DAYS * DAY)
    features = outcome_features(OUTCOME, pasts, frames.contact, frames.cutoff).feature_set
    values = matrix(features, pasts, frames.contact, frames.cutoff)
    learner = learner_of(kind, values, frames.label, Columns(features.names, features.categorical))
    calibrator = Calibrator(0.9, -0.1)
    return ScoringModel(
        outcome="order",
        kind=kind,
        grade="B",
        horizon_days=30,
        trained_at=datetime(2026, 6, 1, tzinfo=UTC),
        reached_by=(),
        feature_set=features,
        learner=learner,
        calibrator=calibrator,
        reference=Reference.of(calibrator.margins(learner.margins(values)), values),
    )


def main() -> None:
    """Write artifacts, pasts and answers."""
    facts, rows = account()
    kept = {name: facts[name] for name in sorted(facts)[:KEPT]}
    known = [row for row in rows if row[0] in kept]
    cutoffs = [START + (100 + 5 * place) * DAY + 12 * HOUR for place in range(KEPT + 1)]
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
    columns = build(ids, kept, [known])
    for kind in KINDS:
        model = fit(kind, facts, rows)
        shutil.rmtree(HERE / kind, ignore_errors=True)
        model.save(HERE / kind)
        scored = model.predict(columns, np.array(cutoffs), reasons=5)
        assert all(abs(float(chance(np.array(one.margin))) - one.probability) < 1e-15 for one in scored)
        answers = [{**asdict(one), "reasons": [reason._asdict() for reason in one.reasons]} for one in scored]
        (HERE / kind / "answers.json").write_text(json.dumps(answers, indent=1) + "\n")


if __name__ == "__main__":
    main()
