"""The worlds that the unit tests of churn know."""

from tests.unit.churn.conftest import account, day, flat_world, laid_out, shoppers, subscribers

__all__ = ["account", "day", "flat_world", "laid_out", "shoppers", "subscribers"]
