"""Composition and the command line; no logic of its own."""

import shared  # noqa: F401 - before anything large is loaded: it sets threads and the collector of garbage
