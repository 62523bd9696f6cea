"""Whether a shop offers an item and has it, as its exports and product feeds say it."""

import re
from collections.abc import Mapping
from typing import Final

from shared.values.words import read_truth, same_name_key

_OFFERED: Final = """
    active|enabled|published|publish|live|visible|on|aktiv|sichtbar|veröffentlicht|actif|publié|activo|publicado
    |attivo|actief
"""
_NOT_OFFERED: Final = """
    inactive|disabled|draft|archived|unpublished|hidden|deleted|discontinued|private|pending|off|inaktiv|entwurf
    |archiviert|inactif|brouillon|archivé|inactivo|borrador|inattivo|inactief
"""
_IN_STOCK: Final = """
    in stock|available|available for order|limited|limited availability|in store only|online only|pre-order|presale
    |backorder|on backorder|made to order|auf lager|verfügbar|lieferbar|sofort lieferbar|en stock|disponible
    |disponibile|op voorraad
"""
_OUT_OF_STOCK: Final = """
    out of stock|unavailable|not available|sold out|discontinued|nicht auf lager|nicht verfügbar|ausverkauft|vergriffen
    |rupture|rupture de stock|épuisé|indisponible|agotado|sin stock|esaurito|uitverkocht
"""
_SCHEMA: Final = re.compile(r"https?://schema\.org/", re.IGNORECASE)


def _words(yes: str, no: str) -> Mapping[str, bool]:
    return {same_name_key(word): value for words, value in ((yes, True), (no, False)) for word in words.split("|")}


_OFFER: Final = _words(_OFFERED, _NOT_OFFERED)
_STOCK: Final = _words(_IN_STOCK, _OUT_OF_STOCK)


def read_offered(text: str) -> bool | None:
    """Read whether a shop offers an item: yes or no, a status, or 1, 0 and -1; None where it is none of these.

    >>> read_offered("published"), read_offered("Draft"), read_offered("-1"), read_offered("blue")
    (True, False, False, None)
    """
    return _state(text, _OFFER)


def read_in_stock(text: str) -> bool | None:
    """Read whether an item can be had: yes or no, how many there are, or an availability; what comes later counts too.

    >>> read_in_stock("in_stock"), read_in_stock("Out of stock"), read_in_stock("12"), read_in_stock("0.0")
    (True, False, True, False)
    >>> read_in_stock("https://schema.org/PreOrder"), read_in_stock("blue")
    (True, None)
    """
    return _state(_SCHEMA.sub("", text.strip()), _STOCK)


def _state(text: str, words: Mapping[str, bool]) -> bool | None:
    try:
        return float(text) > 0
    except ValueError:
        found = words.get(same_name_key(text))
        return read_truth(text) if found is None else found
