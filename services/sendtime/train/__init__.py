"""The door of training: from an account to a version in the registry, and its report."""

from services.sendtime.train.run import train

__all__ = ["train"]
