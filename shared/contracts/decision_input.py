"""The wire type of a decision that another tool made: which message, with which chance, among which."""

from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.contracts.contact import ContactId, Instant, Text
from shared.contracts.message_variant import MAX_MESSAGES
from shared.contracts.outcome import OutcomeName

UNNAMED: Final = "~"
"""What begins the ids that stand for candidates which were counted and not named."""
MAX_REWARD: Final = 1e12


class DecisionInput(BaseModel):
    """A decision that another tool made; it is kept once, and never changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    contact_id: Annotated[ContactId, Field(description="For whom.", examples=["c-42"])]
    message: Annotated[
        Text | None, Field(description="Your id of the message; null: nothing was sent.", examples=["subject-b"])
    ]
    propensity: Annotated[
        float,
        Field(gt=0, le=1, description="Chance with which just this was chosen then, above 0.", examples=[0.25]),
    ]
    candidates: Annotated[
        tuple[Text | None, ...] | None,
        Field(
            min_length=1,
            max_length=MAX_MESSAGES,
            description="All that could have been chosen, this message too; null in it stands for nothing.",
            examples=[["subject-a", "subject-b"]],
        ),
    ] = None
    number_of_candidates: Annotated[
        int | None,
        Field(ge=1, le=MAX_MESSAGES, description="How many those were, this one too, where you cannot name them."),
    ] = None
    decided_at: Annotated[Instant, Field(description="When.", examples=["2026-05-04T08:00:00Z"])]
    reward: Annotated[
        float | None,
        Field(
            ge=-MAX_REWARD,
            le=MAX_REWARD,
            description="What it earned: 1 for a click and 0 for none, or a value; null: the contact's events say it.",
            examples=[1.0],
        ),
    ] = None
    outcome: Annotated[
        OutcomeName | None, Field(description="What was to be reached; the account's default if omitted.")
    ] = None
    slot: Annotated[Text | None, Field(description="The place that it filled, such as `subject`.")] = None
    campaign_id: Annotated[Text | None, Field(description="The campaign that it belonged to.")] = None
    id: Annotated[
        Text | None,
        Field(description="Your own id; the same one again changes nothing. Without one it is made of the content."),
    ] = None

    @model_validator(mode="after")
    def _among_its_candidates(self) -> Self:
        if (self.candidates is None) == (self.number_of_candidates is None):
            raise ValueError("give either candidates or number_of_candidates: what could have been chosen")
        if self.candidates is not None and self.message not in self.candidates:
            raise ValueError("give candidates among which the message is")
        return self

    def all_candidates(self) -> tuple[str, ...]:
        """Return what could have been chosen, each once, sorted; nothing as empty text, unnamed ones as ~1, ~2, ..."""
        named = {one or "" for one in self.candidates or (self.message,)}
        unnamed = range(1, self.number_of_candidates or 1)
        return tuple(sorted(named | {f"{UNNAMED}{number}" for number in unnamed}))
