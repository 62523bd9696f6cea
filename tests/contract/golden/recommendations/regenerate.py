"""Write the golden artifact anew: `PYTHONPATH=. python tests/contract/golden/recommendations/regenerate.py`.

To be run only when answers are meant to change (a new artifact FORMAT); the difference belongs into the same commit as
the reason for it.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from services.recommendations.model.recommended import Recommended
from services.recommendations.model.recommender import RecommendationModel
from services.recommendations.schemas import ShownItems
from services.recommendations.training.fitting import fitted
from services.recommendations.training.material import material_of
from shared.timeline import EventTuple, Pasts, build

HERE = Path(__file__).parent
DAY = 86_400_000_000
UNTIL = 1_780_272_000_000_000
CONTACTS, ITEMS, DAYS = 150, 30, 280


def account() -> Pasts:
    """Make contacts of three tastes; some look at items as well, and the last one never bought anything."""
    draw = np.random.default_rng(8)
    rows: list[EventTuple] = []
    for number in range(CONTACTS):
        name, first = f"c-{number}", 10 * (number % 3)
        for day in np.sort(draw.uniform(1, DAYS, 18)):
            item = first + int(10 * draw.random() ** 2) if draw.random() < 0.85 else int(draw.integers(0, ITEMS))
            at = UNTIL - int(day * DAY)
            kind = "product_viewed" if draw.random() < 0.15 else "order_placed"
            rows.append((name, f"{day}", kind, at, None, None, None, f"item-{item:02}", None))
    rows.append(("nobody", "e", "email_opened", UNTIL - DAY, None, None, None, None, 1))
    return build([*(f"c-{number}" for number in range(CONTACTS)), "nobody"], {}, [rows])


def written(one: Recommended) -> dict[str, Any]:
    """Write an answer as plain values."""
    return {
        "source": one.source,
        "margin": one.margin,
        "items": [
            [item.item["id"], item.source, item.score, [[part.text, part.contribution] for part in item.reasons]]
            for item in one.items
        ],
    }


def answers(model: RecommendationModel) -> list[dict[str, Any]]:
    """Ask about every fifth contact and the one who never bought."""
    pasts = account()
    listed = model.recommend(pasts, np.full(len(pasts), UNTIL), ShownItems(), most=5, reasons=3)
    return [written(listed[row]) for row in (*range(0, CONTACTS, 5), CONTACTS)]


def main() -> None:
    """Fit, save, and write what it answers."""
    fitted(material_of(account(), now=UNTIL, horizon_days=60), now=UNTIL).model.save(HERE)
    text = json.dumps(answers(RecommendationModel.load(HERE)), indent=1)
    (HERE / "answers.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
