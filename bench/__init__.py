"""Measurements: speed side by side with others, accuracy on public data. Nothing here is asserted in tests."""

import shared  # noqa: F401 - before anything loads numpy, as in every process of the product
