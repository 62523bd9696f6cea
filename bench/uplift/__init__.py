"""Uplift against what is known: a mailing that was drawn by lot, and made worlds whose effects are known."""
