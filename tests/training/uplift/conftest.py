"""The mailing that the unit tests of uplift know, and the version fitted on it."""

from tests.unit.uplift.conftest import mailing, mailing_fit, mailing_material

__all__ = ["mailing", "mailing_fit", "mailing_material"]
