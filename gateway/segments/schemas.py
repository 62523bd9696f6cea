"""Requests and answers of the routes of segments."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from shared.contracts.prediction import Answer, Grade


class SegmentFields(BaseModel):
    """What a segment is to be called."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[
        Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)] | None,
        Field(description="At most 80 characters; null: what training calls it, again."),
    ]


class SegmentReference(Answer):
    """A segment as it is called."""

    id: Annotated[str, Field(description="Its id.")]
    name: Annotated[str, Field(description="Its name.")]


class MicroSegment(SegmentReference):
    """A stable group inside a segment."""

    size: Annotated[int, Field(description="Contacts in it when the version was trained.")]
    share_of_segment: Annotated[float, Field(description="Of the segment's contacts.")]


class SegmentAnswer(SegmentReference):
    """A segment in the list."""

    renamed: Annotated[bool, Field(description="Whether the name is the account's own.")]
    description: Annotated[str, Field(description="What is typical of it, in sentences.")]
    share: Annotated[float, Field(description="Of all contacts, when the version was trained.")]
    size: Annotated[int, Field(description="Contacts in it when the version was trained.")]
    value_per_contact: Annotated[
        float | None, Field(description="Mean money a contact in the year before; null where events carry no values.")
    ]
    value_share: Annotated[float | None, Field(description="Of all the money of that year.")]
    micro_segments: Annotated[list[MicroSegment], Field(description="Groups inside; empty where none are stable.")]


class SegmentList(Answer):
    """The segments of the version that answers."""

    segments: Annotated[list[SegmentAnswer], Field(description="The largest first.")]
    version: Annotated[str, Field(description="The version that answers.")]
    kind: Annotated[str, Field(description="`kmeans`: found; `rfm`: set by a plain rule, for lack of contacts.")]
    grade: Annotated[Grade, Field(description="A to D: what they explain of the next period beyond a plain score.")]
    trained_at: Annotated[datetime, Field(description="When it was trained, UTC.")]


class SegmentTrait(Answer):
    """One feature of a segment beside all contacts."""

    feature: Annotated[str, Field(description="Which feature.")]
    text: Annotated[str, Field(description="What is typical, as a sentence.")]
    typical: Annotated[float | str | bool | None, Field(description="Median of the segment; null: most have none.")]
    overall: Annotated[float | str | bool | None, Field(description="Median of all contacts.")]
    difference: Annotated[float, Field(description="Mean of the segment, in standard deviations from all contacts.")]


class SegmentProfile(SegmentAnswer):
    """A segment and its typical member."""

    generated_name: Annotated[str, Field(description="What training calls it.")]
    traits: Annotated[list[SegmentTrait], Field(description="What sets it apart, the strongest first.")]
    version: Annotated[str, Field(description="The version that answers.")]
    trained_at: Annotated[datetime, Field(description="When it was trained, UTC.")]


class SegmentMember(Answer):
    """A contact in a segment."""

    contact_id: Annotated[str, Field(description="Your own id of the contact.")]
    membership: Annotated[float, Field(description="How surely it belongs there.")]
    previous_segment: Annotated[SegmentReference | None, Field(description="Where it was before, if that is known.")]
    moved_at: Annotated[datetime | None, Field(description="Since when it is here, if it moved; UTC.")]
    version: Annotated[str, Field(description="The version that answered.")]
    cutoff: Annotated[datetime, Field(description="The instant the prediction stands on, UTC.")]


class SegmentContacts(Answer):
    """A page of a segment's contacts."""

    contacts: Annotated[list[SegmentMember], Field(description="Ordered by id.")]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null at the end.")]
