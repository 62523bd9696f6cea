"""The models that the unit tests of send time know."""

from tests.unit.sendtime.conftest import activity, model, response

__all__ = ["activity", "model", "response"]
