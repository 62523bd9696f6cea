"""Segments on public data: what the groups explain of what comes next, how well they agree, how fast they are."""
