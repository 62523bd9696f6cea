"""Composition and the command line; no logic of its own."""

import shared  # noqa: F401 - before anything loads numpy: it says how many threads that may use
