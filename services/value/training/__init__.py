"""What a training of value does: orders, frames, closed forms, trees, totals, intervals; RECIPE is the entry."""

from services.value.training.recipe import RECIPE

__all__ = ["RECIPE"]
