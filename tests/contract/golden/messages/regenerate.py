"""Write the golden artifact anew: `PYTHONPATH=. python tests/contract/golden/messages/regenerate.py`.

To be run only when answers are meant to change (a new artifact FORMAT); the difference belongs into the same commit as
the reason for it.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from services.messages.model import MessagePolicy
from services.messages.schemas import NextBestMessageRequest
from services.messages.training.fitting import fitted
from services.messages.training.material import message_material
from shared.contracts.decision import DecisionRow
from shared.contracts.outcome import Outcome
from shared.decisions.columns import columns_of
from shared.timeline import ContactFacts, ContactPasts, DatedValue, EventTuple, Pasts, build

HERE = Path(__file__).parent
DAY = 86_400_000_000
UNTIL = 1_780_272_000_000_000
CONTACTS, WEEKS = 160, 6
CLICKED = Outcome(
    name="clicked", capability="messages", event_types=("email_clicked",), horizon_days=7, repeatable=True
)
MESSAGES = {"delivery": {"topic": "service"}, "news": {"topic": "news"}, "sale": {"topic": "price"}}


def account() -> Pasts:
    """Make contacts of two countries, some of whom look at pages; of the last one nothing is known."""
    draw = np.random.default_rng(5)
    facts, rows = dict[str, ContactFacts](), list[EventTuple]()
    for number in range(CONTACTS):
        name, country = f"c-{number}", ("DE", "FR")[number % 2]
        facts[name] = ContactFacts(UNTIL - 300 * DAY, None, {}, (DatedValue("country", UNTIL - 300 * DAY, country),))
        for day in draw.uniform(1, 200, int(draw.integers(0, 9))):
            rows.append((name, f"{day}", "page_viewed", UNTIL - int(day * DAY), None, None, None, None, 1))
    facts["nobody"] = ContactFacts(UNTIL - 300 * DAY)
    return build([*(f"c-{number}" for number in range(CONTACTS)), "nobody"], facts, [rows])


def decisions() -> tuple[list[DecisionRow], np.ndarray]:
    """Send a message a week by equal chances; France clicks news, Germany the sale."""
    draw, names = np.random.default_rng(6), tuple(sorted(MESSAGES))
    rows, rewards = [], []
    for number in range(CONTACTS):
        for week in range(WEEKS):
            message = names[int(draw.integers(3))]
            at = UNTIL - (10 + 7 * week) * DAY - number
            rows.append(
                DecisionRow(
                    f"d-{number}-{week}", f"c-{number}", "clicked", "", "", message, "policy", 1 / 3, names, "0", at
                )
            )
            likes = message == ("sale", "news")[number % 2]
            rewards.append(float(draw.random() < (0.5 if likes else 0.1)))
    return rows, np.array(rewards)


def asked_about() -> list[str]:
    """Choose every twentieth contact and the one of whom nothing is known."""
    return [*(f"c-{number}" for number in range(0, CONTACTS, 20)), *(f"c-{n}" for n in (1, 3)), "nobody"]


def written(one: Any) -> dict[str, Any]:
    """Write an answer as plain values."""
    return {
        "contact_id": one.contact_id,
        "source": one.source,
        "margin": one.margin,
        **one.own_fields(),
        "reasons": [[part.text, part.contribution] for part in one.reasons],
    }


def answers(model: MessagePolicy) -> list[dict[str, Any]]:
    """Preview what some contacts get."""
    pasts, names = account(), asked_about()
    rows = [pasts.contact_ids.index(name) for name in names]
    request = NextBestMessageRequest(contacts=[], purpose="preview", control_share=0, reasons=3)
    listed = model.answer(ContactPasts.of_columns(pasts), np.full(len(pasts), UNTIL), request)
    return [written(listed[row]) for row in rows]


def main() -> None:
    """Fit, save, and write what it answers."""
    rows, reward = decisions()
    material = message_material(CLICKED, account(), columns_of([rows]), reward, MESSAGES)
    fitted(material, now=UNTIL).model.save(HERE)
    text = json.dumps(answers(MessagePolicy.load(HERE)), indent=1)
    (HERE / "answers.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
