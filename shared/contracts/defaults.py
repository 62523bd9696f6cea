"""Numbers that several parts of Foretell must agree on, each written once."""

from typing import Final

LOOKBACK_DAYS: Final = 730
"""How far before the cutoff features look, unless a model says that it needs more."""
LOOKBACK_EVENTS: Final = 5_000
"""How many of a contact's newest events they look at."""
LEAST_CONTACTS: Final = 40
"""Contacts of each kind (with and without an outcome, active, engaged) without which nothing is trained."""
HORIZONS_NEEDED: Final = 4
"""How many horizons the data must last to be judged over time: to look back, to learn from, and to be judged on."""
LEAST_SENDS: Final = 500
"""Sends without which the answers to them teach nothing of when to send."""
LEAST_SEGMENTED: Final = 20
"""Contacts with events below which not even a rule can set segments."""
LEAST_BUYERS: Final = 100
"""Contacts with an order without which nothing is learned of value or recommendations."""
LEAST_GROUPED: Final = 300
"""Contacts with events below which a rule sets the segments: groups that are found would be chance."""
FILLED_AUC: Final = 0.90
"""From here on being filled in at all nearly knows the answer: what is filled in for those who reach the outcome is
mostly written after it."""
STALE_DAYS: Final = 14
"""So old is an account's newest event when answers say `stale_events`."""
CHAMPION_MOST_DAYS: Final = 180
"""Age past which a champion is replaced by a challenger that is only as good."""
