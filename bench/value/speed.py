"""Processor time of one contact: the kept models of value and scoring, asked about the same pasts in one process.

The whole call, through gateway and service, is measured by `python -m bench.predict`.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from services.scoring.model import ScoringModel
from services.scoring.schemas import ScoreRequest
from services.value.model import ValueModel
from services.value.schemas import ValueRequest
from shared.timeline import ContactFacts, ContactPasts, DatedValue

GOLDEN = Path(__file__).parents[2] / "tests" / "contract" / "golden"
ROUNDS, CALLS = 7, 100


@dataclass(frozen=True)
class Speed:
    """One way of asking, seconds a contact."""

    name: str
    scoring: float
    value: float

    @property
    def times(self) -> float:
        """Return how many times the time of a score a value takes."""
        return self.value / self.scoring


def measured_speed() -> list[Speed]:
    """Ask both kept models about one contact at a time, turn and turn about; the median of the rounds."""
    kept = json.loads((GOLDEN / "scoring" / "pasts.json").read_text())
    facts = {
        name: ContactFacts(one["created_at"], one["timezone"], {}, tuple(DatedValue(*row) for row in one["attributes"]))
        for name, one in kept["facts"].items()
    }
    events = [tuple(row) for row in kept["events"]]
    cutoffs = dict(zip(kept["contact_ids"], kept["cutoffs"], strict=True))
    ids = [name for name in kept["contact_ids"] if name in facts]
    own = {name: [row for row in events if row[0] == name] for name in ids}
    models: tuple[tuple[Any, Any], ...] = (
        (ScoringModel.load(GOLDEN / "scoring" / "lightgbm"), ScoreRequest),
        (ValueModel.load(GOLDEN / "value"), ValueRequest),
    )

    def ask(place: int, reasons: int, name: str) -> None:
        model, request = models[place]
        pasts = ContactPasts([name], {name: facts[name]}, own[name])
        asked = request.model_validate({"contacts": [{"id": name}], "reasons": reasons})
        model.answer(pasts, np.array([cutoffs[name]]), asked)

    found = []
    for reasons in (3, 0):
        rounds = [[_seconds(partial(ask, place, reasons), ids) for place in range(2)] for _ in range(ROUNDS)]
        scoring, value = (median(column) for column in zip(*rounds, strict=True))
        found.append(Speed(f"`answer` of the kept models, {reasons} reasons", scoring, value))
    return found


def _seconds(ask: Callable[[str], None], ids: list[str]) -> float:
    begun = time.process_time()
    for number in range(CALLS):
        ask(ids[number % len(ids)])
    return (time.process_time() - begun) / CALLS
