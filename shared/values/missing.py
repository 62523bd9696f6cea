"""Texts that mean that nobody filled the field in: one list for files, webhooks, requests, training and serving."""

from typing import Any, Final

WORDS: Final = frozenset(
    {
        "",
        "na",
        "n/a",
        "n.a.",
        "n.a",
        "#n/a",
        "#n/a n/a",
        "#na",
        "<na>",
        "nan",
        "-nan",
        "#value!",
        "#ref!",
        "#name?",
        "#div/0!",
        "#null!",
        "#num!",
        "#nv",
        "#wert!",
        "#bezug!",
        "none",
        "null",
        "(null)",
        "<null>",
        "nil",
        "(none)",
        "<none>",
        "\\n",
        "undefined",
        "select",
        "(blank)",
        "(empty)",
        "(leer)",
        "(vide)",
        "-",
        "--",
        "---",
        ".",
        "?",
        "–",
        "—",
        "0000-00-00",
        "0000-00-00 00:00:00",
    }
)
"""In small letters. What people choose ("unknown", "no", "other", "not specified") is a value of its own and not
here."""

_WIDTHLESS: Final = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad"))
_LONGEST: Final = max(map(len, WORDS))


def is_missing(value: Any) -> bool:
    r"""Whether a value stands for nothing at all: null, NaN, or one of the words.

    >>> is_missing(" N/A "), is_missing("\\N"), is_missing(float("nan")), is_missing("no"), is_missing(0)
    (True, True, True, False, False)
    """
    if isinstance(value, str):
        plain = value.strip()
        return len(plain) <= _LONGEST and plain.lower() in WORDS
    return value is None or value != value


def cleaned(text: str) -> str:
    r"""Take away what nobody sees: spaces round the text, and marks without width such as a byte order mark.

    >>> cleaned("\ufeff c-1\u200b\u00a0")
    'c-1'
    """
    plain = text.strip()
    return plain if plain.isascii() else plain.translate(_WIDTHLESS).strip()
