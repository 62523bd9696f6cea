"""Answers of the routes of webhooks."""

from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.prediction import Answer


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
