"""What a training of uplift does: an experiment, its check, learners, evidence; RECIPE is the entry."""

from services.uplift.training.recipe import RECIPE

__all__ = ["RECIPE"]
