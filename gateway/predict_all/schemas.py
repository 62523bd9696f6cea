"""The request of `POST /predict`; the types of its options and answers are read from the services' documents."""

from typing import Annotated, Any, Final

from pydantic import Field, WithJsonSchema, field_validator

from shared.capabilities import CapabilityName
from shared.contracts.contact import InlineContact
from shared.contracts.prediction import PredictionRequest

PATH: Final = "/predict"
MAX_TOGETHER: Final = 100
"""Contacts of a call: each costs as much as one of each capability."""


class PredictAllRequest(PredictionRequest):
    """Which contacts, at which cutoff, and what to ask about them."""

    contacts: Annotated[
        list[Any],
        WithJsonSchema(
            {
                "type": "array",
                "items": {"$ref": f"#/components/schemas/{InlineContact.__name__}"},
                "minItems": 1,
                "maxItems": MAX_TOGETHER,
            }
        ),
        Field(description="1 to 100 contacts; every answer keeps their order. Each is validated alone."),
    ]
    capabilities: Annotated[
        list[CapabilityName] | None,
        Field(
            min_length=1,
            max_length=50,
            description="Which to ask, each once; when omitted all that have a model in this account.",
        ),
    ] = None
    options: Annotated[
        dict[CapabilityName, dict[str, Any]],
        Field(
            default_factory=dict,
            description="By capability, further fields of its own request. What would make an answer commit something, "
            "such as `purpose` of send times, is not among them.",
        ),
    ]

    @field_validator("capabilities")
    @classmethod
    def _each_once(cls, names: list[str] | None) -> list[str] | None:
        if names is not None and len(set(names)) < len(names):
            raise ValueError("name each capability once")
        return names
