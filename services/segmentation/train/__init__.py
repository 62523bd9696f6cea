"""The door of training: from an account to a version in the registry, and its report."""

from services.segmentation.train.recipe import CAPABILITY, train

__all__ = ["CAPABILITY", "train"]
