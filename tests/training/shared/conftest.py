"""The problem that the unit tests of training know, and its competition."""

from tests.unit.training.conftest import competition, found, problem, problem_of

__all__ = ["competition", "found", "problem", "problem_of"]
