"""The envelope that every prediction request shares; its contacts are validated one by one afterwards."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from shared.contracts.contact import InlineContact, Instant

MAX_CONTACTS = 1_000
MAX_REASONS = 10

RawContacts = Annotated[
    list[Any],
    WithJsonSchema(
        {
            "type": "array",
            "items": {"$ref": f"#/components/schemas/{InlineContact.__name__}"},
            "minItems": 1,
            "maxItems": MAX_CONTACTS,
        }
    ),
]


class PredictionRequest(BaseModel):
    """Which contacts, at which cutoff, with how many reasons."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    contacts: Annotated[
        RawContacts,
        Field(description="1 to 1,000 contacts; the answers keep their order. Each is validated alone."),
    ]
    cutoff: Annotated[
        Instant | None,
        Field(
            description="Only what happened strictly before it is seen; now when omitted.",
            examples=["2026-06-01T00:00:00Z"],
        ),
    ] = None
    reasons: Annotated[
        int | None,
        Field(
            ge=0,
            le=MAX_REASONS,
            strict=True,
            description="Reasons a contact; when omitted 3 up to 100 contacts and 0 above.",
        ),
    ] = None

    @property
    def outcome_asked(self) -> str | None:
        """Which outcome was named; None where none was, or where the capability has none."""
        return None

    @property
    def reasons_asked(self) -> int:
        """How many reasons a contact gets."""
        return self.reasons if self.reasons is not None else (3 if len(self.contacts) <= 100 else 0)

    def cutoff_or(self, now: datetime) -> datetime:
        """Resolve the cutoff in UTC, once for the whole call."""
        return now if self.cutoff is None else self.cutoff.astimezone(UTC)
