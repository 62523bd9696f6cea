"""Files that a page sends: the body itself, streamed on to the API; a token in a header proves that it is our page."""

from typing import Final

from starlette.types import Scope as ASGIScope

PATH: Final = "/console/upload"
FORM_HEADER: Final = "foretell-form"
TARGETS: Final = ("/imports",)
"""Paths of the API that take a file."""


def brings_file(scope: ASGIScope) -> bool:
    """Whether a request brings a file."""
    found: bool = scope["path"] == PATH
    return found
