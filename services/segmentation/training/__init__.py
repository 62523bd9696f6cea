"""What a training of segmentation does: find groups, keep identities, name and judge them; RECIPE is the entry."""

from services.segmentation.training.recipe import RECIPE

__all__ = ["RECIPE"]
