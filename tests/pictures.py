"""Plots of trainings that no test looks at: their figures are made, and not drawn."""

import base64
import sys
from functools import cache
from typing import IO, Any

LOOKED_AT_IN = ("browser", "training", "unit")
"""Folders whose tests look at what was drawn."""
AGG = "matplotlib.backends.backend_agg"
ONE_PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def draw_where_looked_at(folder: str) -> None:
    """Draw what the next test plots, or leave it out.

    To draw them takes a quarter of the time of a small training. The first training of a process, which loads what
    draws, is drawn wherever it is.

    Args:
        folder: below `tests`, of the next test.
    """
    if AGG in sys.modules:
        canvas = sys.modules[AGG].FigureCanvasAgg
        drawn = _drawn(canvas)
        canvas.print_png = drawn if folder in LOOKED_AT_IN else _left_out


@cache
def _drawn(canvas: Any) -> Any:
    """Return how a canvas draws, as it was when it was first asked."""
    return canvas.print_png


def _left_out(_canvas: Any, file: IO[bytes]) -> None:
    file.write(ONE_PIXEL)
