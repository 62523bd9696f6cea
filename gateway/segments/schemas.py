"""Requests and answers of the routes of segments."""

from datetime import date, datetime
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


class SegmentTrait(Answer):
    """One feature of a segment beside all contacts."""

    feature: Annotated[str, Field(description="Which feature.")]
    topic: Annotated[str, Field(description="What it is about, in words: the same for every segment and window.")]
    text: Annotated[str, Field(description="What is typical, as a sentence.")]
    typical: Annotated[float | str | bool | None, Field(description="Median of the segment; null: most have none.")]
    overall: Annotated[float | str | bool | None, Field(description="Median of all contacts.")]
    difference: Annotated[float, Field(description="Mean of the segment, in standard deviations from all contacts.")]


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
    traits: Annotated[list[SegmentTrait], Field(description="What sets it apart, the strongest first.")]


class SegmentList(Answer):
    """The segments of the version that answers."""

    segments: Annotated[list[SegmentAnswer], Field(description="The largest first.")]
    version: Annotated[str, Field(description="The version that answers.")]
    kind: Annotated[str, Field(description="`kmeans`: found; `rfm`: set by a plain rule, for lack of contacts.")]
    grade: Annotated[Grade, Field(description="A to D: what they explain of the next period beyond a plain score.")]
    trained_at: Annotated[datetime, Field(description="When it was trained, UTC.")]


class SegmentProfile(SegmentAnswer):
    """A segment and its typical member."""

    generated_name: Annotated[str, Field(description="What training calls it.")]
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


class SegmentMove(Answer):
    """Contacts who went from one segment to another between two weeks."""

    before: Annotated[SegmentReference, Field(description="Where they were the week before.")]
    after: Annotated[SegmentReference, Field(description="Where they are.")]
    contacts: Annotated[int, Field(description="How many.")]


class SegmentShare(SegmentReference):
    """How large a segment was in a week."""

    share: Annotated[float, Field(description="Of the contacts who were placed that week.")]


class WeekMoves(Answer):
    """Who was where in a week, and who moved since the one before."""

    week: Annotated[str, Field(description="ISO week, UTC: 2026-W14.")]
    starts_on: Annotated[date, Field(description="Its Monday.")]
    contacts: Annotated[int, Field(description="How many were placed.")]
    segments: Annotated[list[SegmentShare], Field(description="The largest first; also those that there are no more.")]
    moved_share: Annotated[
        float | None, Field(description="Of those also placed the week before, who moved; null: nobody was.")
    ]
    moves: Annotated[
        list[SegmentMove] | None, Field(description="Most contacts first; null: counted by the next measurement.")
    ]


class SegmentMoves(Answer):
    """Moves between segments, week by week."""

    weeks: Annotated[list[WeekMoves], Field(description="Oldest first, at most 53; empty before anything was counted.")]
    measured_at: Annotated[
        datetime | None, Field(description="When that was counted, UTC: a worker does so once a day; null: not yet.")
    ]
