"""Write the golden artifact anew: `PYTHONPATH=. python tests/contract/golden/uplift/regenerate.py`.

To be run only when answers are meant to change (a new artifact FORMAT); the difference belongs into the same commit as
the reason for it.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from services.uplift.model import UpliftModel
from services.uplift.model.predictions import UpliftResult
from services.uplift.schemas import UpliftChoices
from services.uplift.training.fitting import fitted
from services.uplift.training.material import material_of
from shared.contracts.outcome import Outcome
from shared.timeline import EventTuple, Pasts, build

HERE = Path(__file__).parent
DAY = 86_400_000_000
UNTIL = 1_780_272_000_000_000
CONTACTS = 1_200
ASKED = 60
BOUGHT = Outcome(name="bought", capability="uplift", event_types=("order_placed",), horizon_days=14, repeatable=True)


def account() -> Pasts:
    """Make contacts of whom those who look at pages buy when they are mailed, and those who do not leave it then."""
    draw = np.random.default_rng(8)
    rows: list[EventTuple] = []
    for number in range(CONTACTS):
        name, lively = f"c-{number}", bool(draw.random() < 0.5)
        at = UNTIL - 40 * DAY + int(draw.integers(0, DAY))
        for _ in range(int(draw.poisson(8 if lively else 2))):
            days = float(draw.uniform(1, 60))
            rows.append((name, f"v{days}", "page_viewed", at - int(days * DAY), None, None, None, None, None))
        mailed = bool(draw.random() < 0.5)
        arm = "mail" if mailed else "control"
        rows.append((name, "t", "treatment_assigned", at, 0.5, None, None, arm, None))
        chance = (0.6 if lively else 0.1) if mailed else (0.2 if lively else 0.4)
        if draw.random() < chance:
            rows.append((name, "o", "order_placed", at + 3 * DAY, 40.0, None, None, None, None))
    rows.append(("last", "e", "page_viewed", UNTIL - 1, None, None, None, None, None))
    return build([*(f"c-{number}" for number in range(CONTACTS)), "last"], {}, [rows])


def written(one: UpliftResult) -> dict[str, Any]:
    """Write an answer as plain values."""
    return {
        "fields": dict(one.own_fields()),
        "margin": one.margin,
        "reasons": [[part.text, part.contribution] for part in one.reasons],
    }


def answers(model: UpliftModel) -> list[dict[str, Any]]:
    """Ask about every twentieth contact, before it was assigned."""
    pasts = account()
    found = model.predict(pasts, np.full(len(pasts), UNTIL - 40 * DAY), reasons=3)
    return [written(found[row]) for row in range(0, CONTACTS, CONTACTS // ASKED)]


def main() -> None:
    """Fit, save, and write what it answers."""
    material = material_of(None, account(), BOUGHT, UpliftChoices(), now=UNTIL)  # type: ignore[arg-type]
    fitted(material, now=UNTIL).model.save(HERE)
    text = json.dumps(answers(UpliftModel.load(HERE)), indent=1)
    (HERE / "answers.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
