"""The wire of sources, of what becomes of webhooks, and of dead letters."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints

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


class _Asked(BaseModel):
    """Base of the requests: frozen, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceRequest(_Asked):
    """A source to make."""

    name: Annotated[SourceName, Field(description="What you call it: a-z, 0-9, - and _.", examples=["newsletter"])]
    provider: Annotated[str, Field(description="Who sends, such as `sendgrid`.", max_length=40)]
    secrets: Annotated[list[Secret], Field(description="Any of them proves a request.", max_length=10)] = []
    topics: Annotated[
        list[Topic], Field(description="Amazon SNS: the only topics that are believed.", max_length=50)
    ] = []
    creates_contacts: Annotated[
        bool, Field(description="Whether people who are not known become contacts; else dead letters.")
    ] = False


class SecretRequest(_Asked):
    """A further secret of a source."""

    secret: Secret
    overlap_hours: Annotated[
        float, Field(description="How long those before go on being good.", ge=0, le=MAX_OVERLAP_HOURS)
    ] = 24.0


class RetryRequest(_Asked):
    """Which dead letters to try again; all when nothing is named."""

    source_id: Annotated[str | None, Field(description="Only of this source.", max_length=200)] = None
    reason: Annotated[str | None, Field(description="Only with this reason.", max_length=200)] = None


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


class SourceReady(Answer):
    """That a source has this address."""

    status: Annotated[Literal["ready"], Field(description="It may send.")]


class TakenAnswer(Answer):
    """What became of a webhook; the four add up to `received`."""

    received: Annotated[int, Field(description="What was said in it: events, contacts, merges and the like.")]
    new: Annotated[int, Field(description="Stored now.")]
    duplicate: Annotated[int, Field(description="Told before; changed nothing.")]
    ignored: Annotated[int, Field(description="Says nothing about a contact, or is about one that was erased.")]
    dead: Annotated[int, Field(description="Could not be taken: see the dead letters.")]
    notes: Annotated[
        dict[str, int],
        Field(
            description="What the account should know of items that were taken or skipped, by reason: "
            "`value_left_out`, `address_moved`, `id_moved`, `address_shared`, `placeholder_left_out`, "
            "`erased_contact`; the dead letters say more."
        ),
    ]


class DeadLetterAnswer(Answer):
    """An item that could not be taken, or a note of what was left out of one that was."""

    id: Annotated[str, Field(description="Its name here.")]
    source_id: Annotated[str, Field(description="Where it came from.")]
    provider: Annotated[str, Field(description="Who sent it.")]
    reason: Annotated[str, Field(description="A stable code: `item_refused`, `value_left_out`, `address_moved`, ...")]
    detail: Annotated[str, Field(description="What is wrong with it.")]
    payload: Annotated[
        Any, Field(description="The item; addresses are keyed hashes, and what is personal is left out.")
    ]
    received_at: Annotated[datetime, Field(description="When it came last, UTC.")]
    times: Annotated[int, Field(description="How often it came.")]


class DeadLetterList(Answer):
    """A page of dead letters, oldest first."""

    dead_letters: Annotated[list[DeadLetterAnswer], Field(description="Oldest first.")]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null at the end.")]


class RetryAnswer(Answer):
    """What became of the letters."""

    taken: Annotated[int, Field(description="How many were taken now and are gone.")]
    dead: Annotated[int, Field(description="How many stay; each says why.")]
