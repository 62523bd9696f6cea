"""Yes and no in the usual words."""

from typing import Final

TRUE: Final = frozenset(
    {"true", "yes", "y", "t", "1", "wahr", "ja", "vrai", "oui", "verdadero", "si", "sí", "vero", "sì", "waar", "tak"}
)
FALSE: Final = frozenset(
    {"false", "no", "n", "f", "0", "falsch", "nein", "faux", "non", "falso", "onwaar", "nee", "nie"}
)
"""In small letters; `on` and `off`, `in` and `out`, are states of a thing and words of their own."""
WRITTEN: Final = {
    "true": True, "false": False, "wahr": True, "falsch": False, "vrai": True, "faux": False, "verdadero": True,
    "vero": True, "falso": False, "waar": True, "onwaar": False,
}  # fmt: skip
"""What programs write for a value that is true or false; `Yes` and `No` are texts that people chose."""


def read_truth(text: str) -> bool | None:
    """Read yes or no; None where it is neither.

    >>> read_truth(" Yes"), read_truth("FALSCH"), read_truth("maybe")
    (True, False, None)
    """
    plain = text.strip().lower()
    return True if plain in TRUE else False if plain in FALSE else None
