"""Recommendations on public data: every method on the same candidates, and how fast 50,000 items are."""
