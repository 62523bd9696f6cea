"""A model's whole life within a year of a shop: it ages, drifts, is shadowed, replaced, rolled back, and nobody notices
but those who look."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.simulated_year import MODEL, Year, year

pytestmark = pytest.mark.slow
HOUSEHOLDS = 300
SABOTAGE = Path(__file__).parent / "train_on_shuffled_labels.py"


def noon(month: int, day: int = 1) -> datetime:
    return datetime(2017 + (month - 1) // 12, (month - 1) % 12 + 1, day, 12, tzinfo=UTC)


@dataclass
class Story:
    """What became of the model, month by month."""

    quality_in_june: Any = None
    registered: Any = None
    shadow_in_july: Any = None
    quality_in_july: Any = None
    drift_messages: list[Any] = None  # type: ignore[assignment]
    after_drift: Any = None
    sabotaged: str = ""
    champion_after_sabotage: str = ""
    rolled_back: Any = None
    rolled_forward: Any = None
    young: Any = None
    old: Any = None
    history: list[Any] = None  # type: ignore[assignment]
    failed: list[Any] = None  # type: ignore[assignment]
    answers: dict[str, int] = None  # type: ignore[assignment]


def live(lived: Year) -> Story:
    """Live through the year."""
    story = Story()
    lived.looked_at()
    lived.live_until(noon(6))
    story.quality_in_june = lived.looked_at()
    story.registered = lived.trained(promote=False, reason="to be watched first")
    lived.post(f"/models/{MODEL}/shadow", {"version": story.registered["version"], "share": 0.5}, method="PUT")
    lived.live_until(noon(6, 15))
    lived.parts = 3
    lived.live_until(noon(7))
    story.quality_in_july = lived.looked_at()
    return story
