"""The shop that the unit tests of recommendations know, and the version fitted on it."""

from tests.unit.recommendations.conftest import recs_fit, recs_model, recs_shop

__all__ = ["recs_fit", "recs_model", "recs_shop"]
