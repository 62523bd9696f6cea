"""Measurements: speed side by side with others, accuracy on public data. Nothing here is asserted in tests."""
