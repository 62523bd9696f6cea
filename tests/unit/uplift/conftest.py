"""A made test of a mailing: who looks at pages gains by it, who does not loses; and a version fitted on it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from services.uplift.schemas import UpliftChoices
from services.uplift.training.fitting import UpliftFit, fitted
from services.uplift.training.learners import ExperimentTable
from services.uplift.training.material import UpliftMaterial, material_of
from shared.contracts.outcome import Outcome
from shared.learners import Columns
from shared.timeline import EventTuple, Pasts, build

DAY = 86_400_000_000
NOW = 1_780_272_000_000_000
CONTACTS = 1_200
BOUGHT = Outcome(name="bought", capability="uplift", event_types=("order_placed",), horizon_days=14, repeatable=True)
NO_STORE: Any = None
"""Events and attributes are read from the pasts alone."""


@dataclass(frozen=True)
class Mailing:
    """Contact c-<n> looks at pages where n is even."""

    pasts: Pasts
    assigned_at: int = NOW - 40 * DAY


def event(contact: str, kind: str, at: int, value: float | None = None, item: str | None = None) -> EventTuple:
    return (contact, f"{kind}-{at}", kind, at, value, None, None, item, None)


def pasts_of(*rows: EventTuple) -> Pasts:
    return build(list(dict.fromkeys(row[0] for row in rows)), {}, [rows])


@pytest.fixture(scope="session")
def mailing() -> Mailing:
    draw, at = np.random.default_rng(4), NOW - 40 * DAY
    rows = []
    for number in range(CONTACTS):
        name, lively = f"c-{number}", number % 2 == 0
        looks = draw.uniform(1, 60, 6 if lively else 1)
        rows += [event(name, "page_viewed", at - int(days * DAY)) for days in looks]
        mailed = bool(draw.random() < 0.5)
        rows.append(event(name, "treatment_assigned", at, 0.5, "mail" if mailed else "control"))
        chance = (0.7 if lively else 0.1) if mailed else (0.2 if lively else 0.5)
        if draw.random() < chance:
            rows.append(event(name, "order_placed", at + 3 * DAY, 20.0))
    rows.append(event("last", "page_viewed", NOW - 1))
    return Mailing(pasts_of(*rows))


@pytest.fixture(scope="session")
def mailing_material(mailing: Mailing) -> UpliftMaterial:
    return material_of(NO_STORE, mailing.pasts, BOUGHT, UpliftChoices(), now=NOW)


@pytest.fixture(scope="session")
def mailing_fit(mailing_material: UpliftMaterial) -> UpliftFit:
    return fitted(mailing_material, now=NOW)


def table_of(
    matrix: np.ndarray, label: np.ndarray, arm: np.ndarray, *, chance: np.ndarray | None = None, arms: int = 1
) -> ExperimentTable:
    n, p = matrix.shape
    return ExperimentTable(
        matrix,
        Columns(tuple(f"x{place}" for place in range(p))),
        label.astype(np.float64),
        arm.astype(np.int32),
        np.full(n, 1 / (arms + 1)) if chance is None else chance,
        np.arange(n, dtype=np.int32),
        arms,
    )
