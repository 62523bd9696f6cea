"""What the request bodies of several subjects share."""

from pydantic import ConfigDict

REQUEST = ConfigDict(frozen=True, extra="forbid")
"""Of every request body: it does not change, and an unknown field is an error."""
