"""Write the golden artifact anew: `PYTHONPATH=. python tests/contract/golden/value/regenerate.py`.

To be run only when answers are meant to change (a new ENGINE_VERSION or artifact FORMAT); the difference belongs
into the same commit as the reason for it. The contacts that are asked about are those of scoring.
"""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from services.value.model import ScoredValue, ValueModel
from services.value.model.value import ValueTrees
from services.value.training.fitting import fitted, version_of
from services.value.training.material import value_material
from shared.learners import Trees
from shared.timeline import ContactFacts, Pasts, build
from shared.timeline.past_rows import DatedValue

HERE = Path(__file__).parent
SCORING = HERE.parent / "scoring"
ROUNDS = 20
"""Trees that are kept: the file is to stay small."""


def kept_pasts() -> tuple[Pasts, np.ndarray]:
    """Read the contacts of scoring's golden files, and when they are asked about."""
    kept = json.loads((SCORING / "pasts.json").read_text())
    facts = {
        name: ContactFacts(
            created_at=fact["created_at"],
            timezone=fact["timezone"],
            attributes=tuple(DatedValue(*one) for one in fact["attributes"]),
        )
        for name, fact in kept["facts"].items()
    }
    pasts = build(kept["contact_ids"], facts, [[tuple(row) for row in kept["events"]]])
    return pasts, np.array(kept["cutoffs"])


def told(one: ScoredValue) -> dict[str, Any]:
    """Write an answer as plain values."""
    return {
        "status": one.status,
        "score": one.score,
        "band": one.band,
        "margin": one.margin,
        "fields": json.loads(json.dumps(dict(one.own_fields()), default=str)),
        "reasons": [[part.feature, part.contribution, part.text] for part in one.reasons],
    }


def answers(model: ValueModel) -> list[dict[str, Any]]:
    """Ask a version about the contacts, within its own horizon and within another."""
    pasts, cutoffs = kept_pasts()
    asked = [model.predict(pasts, cutoffs, horizon_days=days, reasons=5) for days in (None, 200)]
    return [told(one) for found in asked for one in found]


def main() -> None:
    """Fit on a larger account of the same kind, save, and write what it answers."""
    spec = importlib.util.spec_from_file_location("scoring_golden", SCORING / "regenerate.py")
    assert spec is not None
    assert spec.loader is not None
    simulated = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(simulated)
    facts, rows = simulated.account(1_200)
    material = value_material(build(list(facts), facts, [rows]), now=2**61, horizon_days=30, currency="EUR")
    fit = fitted(material, now=material.until)
    model = version_of(material, fit.table, fit.assessed, kind="blend", now=material.until)
    assert model.trees is not None
    cut = {
        name: Trees(getattr(model.trees, name).booster.model_to_string(num_iteration=ROUNDS))
        for name in ("value", "orders")
    }
    replace(model, trees=ValueTrees(**cut), grade="B").save(HERE)
    written = answers(ValueModel.load(HERE))
    (HERE / "answers.json").write_text(json.dumps(written, indent=1) + "\n")


if __name__ == "__main__":
    main()
