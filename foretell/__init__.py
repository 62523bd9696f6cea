"""Composition and the command line; no logic of its own."""
