"""What a training of messages does: decisions and what they earned, a policy, its judges; RECIPE is the entry."""

from services.messages.training.recipe import RECIPE

__all__ = ["RECIPE"]
