"""Write the golden artifact anew: `PYTHONPATH=. python tests/contract/golden/segmentation/regenerate.py`.

To be run only when answers are meant to change (a new ENGINE_VERSION or artifact FORMAT); the difference belongs
into the same commit as the reason for it. The contacts that are asked about are those of scoring.
"""

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np

from services.segmentation.model import ScoredSegment, SegmentationModel
from services.segmentation.training.fitting import SegmentationOptions, fitted
from shared.timeline import ContactFacts, Pasts, build
from shared.timeline.past_rows import DatedValue

HERE = Path(__file__).parent
SCORING = HERE.parent / "scoring"


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


def told(one: ScoredSegment) -> dict[str, Any]:
    """Write an answer as plain values."""
    return {
        "status": one.status,
        "segment": one.first.segment.id,
        "membership": one.first.membership,
        "alternatives": [[other.segment.id, other.membership] for other in one.alternatives],
        "micro": None if one.micro is None else one.micro.id,
        "margin": one.margin,
        "reasons": [[part.feature, part.contribution, part.text] for part in one.reasons],
    }


def main() -> None:
    """Fit on a larger account of the same kind, save, and write what it answers."""
    spec = importlib.util.spec_from_file_location("scoring_golden", SCORING / "regenerate.py")
    assert spec is not None
    assert spec.loader is not None
    simulated = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(simulated)
    facts, rows = simulated.account(1_200)
    pasts = build(list(facts), facts, [rows])
    until = int(pasts.at.max()) + 1
    wanted = SegmentationOptions(segments=3, attributes=("plan", "employees"))
    fitted(pasts, until=until, now=until, wanted=wanted).model.save(HERE)
    model = SegmentationModel.load(HERE)
    answers = [told(one) for one in model.predict(*kept_pasts(), reasons=5)]
    (HERE / "answers.json").write_text(json.dumps(answers, indent=1) + "\n")


if __name__ == "__main__":
    main()
