"""What a training of send time does: learn activity and answers to sends, judge and report; RECIPE is the entry."""

from services.sendtime.training.recipe import RECIPE, SendTimeFit, fitted

__all__ = ["RECIPE", "SendTimeFit", "fitted"]
