"""What the request bodies of several subjects share."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from shared.contracts.prediction import Answer

CapabilityName = Literal["scoring", "churn", "segmentation", "sendtime"]
WithOutcomes = Literal["scoring", "churn"]
"""Capabilities that are asked about named outcomes."""


REQUEST = ConfigDict(frozen=True, extra="forbid")
"""Of every request body: it does not change, and an unknown field is an error."""


class InputDriftAnswer(Answer):
    """What the last complete round of scoring found of the inputs of a version; a worker makes one a day."""

    has_drifted: Annotated[
        bool, Field(description="Whether the inputs have left what the version was shown: train it again.")
    ]
    answered: Annotated[int, Field(ge=0, description="Contacts that got an answer.")]
    insufficient: Annotated[int, Field(ge=0, description="Contacts that got none: too little is known of them.")]
    drifted_share: Annotated[float, Field(ge=0, le=1, description="Share of the answers with `drifted_inputs`.")]
    out_of_range: Annotated[int, Field(ge=0, description="Answers with `out_of_range`.")]
    unseen_categories: Annotated[int, Field(ge=0, description="Answers with `unseen_categories`.")]
    measured_at: Annotated[datetime, Field(description="When the round ended, UTC.")]
