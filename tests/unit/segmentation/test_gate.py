"""Segments are compared with those before where something can be compared, and else nothing is decided."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from services.segmentation.training.recipe import RECIPE

ROW: Any = SimpleNamespace(version="3", trained_at=0)


def earlier(contacts: int) -> Any:
    return SimpleNamespace(contact=np.arange(contacts), cutoff=np.zeros(contacts), after=())


@pytest.mark.parametrize(
    ("previous", "before", "decision", "reason"),
    [
        (None, earlier(900), (True, True), "cannot be loaded any more"),
        (object(), None, (False, False), "no next period"),
        (object(), earlier(199), (False, False), "only 199 frames are newer"),
    ],
)
def test_without_a_comparison_only_what_cannot_be_loaded_is_replaced(
    previous: Any, before: Any, decision: tuple[bool, bool], reason: str
) -> None:
    material: Any = SimpleNamespace(previous=previous)
    run: Any = SimpleNamespace(now=0)

    found = RECIPE.gate(run, material, SimpleNamespace(before=before), ROW)  # type: ignore[arg-type]

    assert (found.promote, found.decided) == decision
    assert reason in found.reason
