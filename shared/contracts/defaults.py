"""Numbers that several parts of Foretell must agree on, each written once."""

from typing import Final

LOOKBACK_DAYS: Final = 730
"""How far before the cutoff features look, unless a model says that it needs more."""
LOOKBACK_EVENTS: Final = 5_000
"""How many of a contact's newest events they look at."""
LEAST_CONTACTS: Final = 40
"""Contacts of each kind (with and without an outcome, active, engaged) without which nothing is trained."""
STALE_DAYS: Final = 14
"""So old is an account's newest event when answers say `stale_events`."""
CHAMPION_MOST_DAYS: Final = 180
"""Age past which a champion is replaced by a challenger that is only as good."""
