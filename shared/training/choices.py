"""How a run says how far it is."""

from collections.abc import Callable

Progress = Callable[[str, float], None]
"""Called with what is done now and how far the whole is, 0 to 1."""


def silent(_: str, __: float) -> None:
    """Say nothing."""
