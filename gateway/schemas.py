"""What the request bodies of several subjects share."""

from typing import Literal

from pydantic import ConfigDict

CapabilityName = Literal["scoring", "churn", "segmentation", "sendtime"]
WithOutcomes = Literal["scoring", "churn"]
"""Capabilities that are asked about named outcomes."""


REQUEST = ConfigDict(frozen=True, extra="forbid")
"""Of every request body: it does not change, and an unknown field is an error."""
