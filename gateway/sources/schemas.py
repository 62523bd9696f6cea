"""Requests and answers of the routes of sources."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, SecretStr, StringConstraints

from gateway.schemas import REQUEST
from shared.contracts.prediction import Answer

SourceName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,38}$")]
MAX_OVERLAP_HOURS = 24 * 30


def _printable(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not text.strip() or len(text) > 4_000 or "\x00" in text:
        raise ValueError("give 1 to 4,000 characters")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("send text that is valid Unicode") from None
    return secret


Secret = Annotated[
    SecretStr,
    AfterValidator(_printable),
    Field(description="As the provider shows it (or as you tell it); never shown again.", max_length=4_000),
]
Topic = Annotated[str, StringConstraints(min_length=1, max_length=300)]


class SourceRequest(BaseModel):
    """A source to make."""

    model_config = REQUEST

    name: Annotated[SourceName, Field(description="What you call it: a-z, 0-9, - and _.", examples=["newsletter"])]
    provider: Annotated[str, Field(description="Who sends, such as `sendgrid`.", max_length=40)]
    secrets: Annotated[list[Secret], Field(description="Any of them proves a request.", max_length=10)] = []
    topics: Annotated[
        list[Topic], Field(description="Amazon SNS: the only topics that are believed.", max_length=50)
    ] = []
    creates_contacts: Annotated[
        bool, Field(description="Whether people who are not known become contacts; else dead letters.")
    ] = False


class SecretRequest(BaseModel):
    """A further secret of a source."""

    model_config = REQUEST

    secret: Secret
    overlap_hours: Annotated[
        float, Field(description="How long those before go on being good.", ge=0, le=MAX_OVERLAP_HOURS)
    ] = 24.0


class SourceSecret(Answer):
    """A secret of a source, without itself."""

    id: Annotated[str, Field(description="Its name here.")]
    created_at: Annotated[datetime, Field(description="Since when it is good, UTC.")]
    expires_at: Annotated[datetime | None, Field(description="From then on it proves nothing; null: never.")]
    problem: Annotated[
        str | None, Field(description="Why it would not be taken today, or proves nothing: replace it; null: nothing.")
    ]


class SourceAnswer(Answer):
    """Where webhooks come from."""

    id: Annotated[str, Field(description="The last part of its address; nobody else should know it.")]
    name: Annotated[str, Field(description="What you call it.")]
    provider: Annotated[str, Field(description="Who sends.")]
    url: Annotated[str, Field(description="Paste it at the provider.")]
    creates_contacts: Annotated[bool, Field(description="Whether people who are not known become contacts.")]
    topics: Annotated[list[str], Field(description="Amazon SNS: the only topics that are believed.")]
    secrets: Annotated[list[SourceSecret], Field(description="Oldest first, expired ones too; never themselves.")]
    created_at: Annotated[datetime, Field(description="When it was made, UTC.")]
    last_received_at: Annotated[datetime | None, Field(description="When something verified came last, UTC.")]
    letters: Annotated[
        dict[str, int], Field(description="What could not be taken, or only in part, by reason: see the dead letters.")
    ]


class SourceList(Answer):
    """All sources of the account."""

    sources: Annotated[list[SourceAnswer], Field(description="By name.")]
