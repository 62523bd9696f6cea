"""Model cards and cut-offs, made of rows of the catalogue: `card_of`, `as_markdown`, `as_html`, `thresholds`."""

from shared.cards.card import card_of
from shared.cards.html import as_html
from shared.cards.text import as_markdown
from shared.cards.thresholds import MOST_MONEY, ThresholdQuery, thresholds

__all__ = ["MOST_MONEY", "ThresholdQuery", "as_html", "as_markdown", "card_of", "thresholds"]
