"""The door of send time: `python -m services.sendtime.api --port N`."""

from services.sendtime.api.app import QUESTION, create_app

__all__ = ["QUESTION", "create_app"]
