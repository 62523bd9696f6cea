"""The shop that the unit tests of segmentation know, and the version fitted on it."""

from tests.unit.segmentation.conftest import fit, model, shop, simulated_shop

__all__ = ["fit", "model", "shop", "simulated_shop"]
