"""What the request bodies of several subjects share."""

from pydantic import ConfigDict

REQUEST = ConfigDict(frozen=True, extra="forbid")
"""Of every request body: it does not change, and an unknown field is an error."""


def decoded(path_id: str) -> str:
    """Check an id of a path.

    Raises:
        ValueError: it was not UTF-8, and several ids would be decoded to the same text.
    """
    if "\ufffd" in path_id:
        raise ValueError("percent-encode the id as UTF-8")
    return path_id
