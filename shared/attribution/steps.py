"""The channels of a path that another tool wrote."""

from collections.abc import Sequence
from typing import Final

SEPARATOR: Final = ">"


def steps_of(path: str | Sequence[str]) -> list[str]:
    """Return the channels of a path.

    >>> steps_of("email > paid search>email"), steps_of(["email"]), steps_of("")
    (['email', 'paid search', 'email'], ['email'], [])
    """
    parts = path.split(SEPARATOR) if isinstance(path, str) else path
    return [" ".join(one.split()) for one in parts if one.strip()]
