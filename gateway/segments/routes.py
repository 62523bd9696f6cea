"""Routes of segments: read from the catalogue and from stored predictions; an account may rename a segment."""

from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path
from starlette.responses import Response

from gateway.context import AdminScope, AuthenticatedRequest, CursorParam, LimitParam, ReadScope, json_response
from gateway.idempotency import idempotent
from gateway.segments.schemas import (
    SegmentAnswer,
    SegmentContacts,
    SegmentFields,
    SegmentList,
    SegmentMember,
    SegmentMove,
    SegmentMoves,
    SegmentProfile,
    SegmentReference,
    SegmentShare,
    WeekMoves,
)
from gateway.segments.topics import topic
from shared.contracts.model_quality import SegmentWeek, quality_of
from shared.contracts.rows import instant_of, now_us
from shared.errors import Conflict, NoModelTrained, NotFound
from shared.store import PredictionRow, VersionRow

router = APIRouter(tags=["segments"])
CAPABILITY = "segmentation"
PathSegment = Annotated[str, Path(description="Id of a segment, `s3`.", pattern=r"^s\d{1,9}$")]


@router.get("/segments", response_model=SegmentList, operation_id="list_segments", summary="List segments")
def list_segments(authenticated: ReadScope) -> Response:
    """List the segments of the version that answers, the largest first."""
    row = _champion(authenticated)
    names = authenticated.store.segments.names()
    listed = sorted(_listed(row), key=lambda one: -one["share"])
    segments = [SegmentAnswer(**_fields(one, names)) for one in listed]
    return json_response(
        SegmentList(
            segments=segments,
            version=row.version,
            kind=row.kind,
            grade=row.grade,
            trained_at=instant_of(row.trained_at),
        )
    )


@router.get(
    "/segments/moves",
    response_model=SegmentMoves,
    operation_id="list_segment_moves",
    summary="List moves between segments",
)
def list_moves(authenticated: ReadScope) -> Response:
    """List week by week how large each segment was, and how many contacts went from which to which."""
    row, store = _champion(authenticated), authenticated.store
    called = {one["id"]: one["name"] for one in _listed(row)} | store.segments.names()
    found = quality_of(store.models.quality.find(CAPABILITY, ""))
    weeks = [] if found is None else [_week(one, called) for one in found.segment_weeks]
    return json_response(SegmentMoves(weeks=weeks, measured_at=None if found is None else found.measured_at))


@router.get(
    "/segments/{segment_id}", response_model=SegmentProfile, operation_id="show_segment", summary="Show a segment"
)
def show_segment(authenticated: ReadScope, segment_id: PathSegment) -> Response:
    """Show a segment's profile: what its typical member does, and how that differs from all contacts."""
    return json_response(_profile(authenticated, _champion(authenticated), segment_id))


@router.get(
    "/segments/{segment_id}/contacts",
    response_model=SegmentContacts,
    operation_id="list_segment_contacts",
    summary="List a segment's contacts",
)
def list_segment_contacts(
    authenticated: ReadScope, segment_id: PathSegment, limit: LimitParam = 100, cursor: CursorParam = None
) -> Response:
    """List who is in a segment by the latest stored prediction, by contact id."""
    _known(_champion(authenticated), segment_id)
    purpose = f"segment {segment_id}"
    place: Any = authenticated.read_cursor(purpose, cursor)
    rows = authenticated.store.segments.members(segment_id, limit=limit, after=place)
    next_cursor = authenticated.next_cursor(purpose, rows[-1].contact_id) if len(rows) == limit else None
    return json_response(SegmentContacts(contacts=[_member(row) for row in rows], next_cursor=next_cursor))


@router.patch(
    "/segments/{segment_id}", response_model=SegmentProfile, operation_id="rename_segment", summary="Rename a segment"
)
@idempotent
def rename_segment(authenticated: AdminScope, segment_id: PathSegment, fields: SegmentFields) -> Response:
    """Call a segment by a name of your own; retraining keeps it as long as the id lives."""
    row = _champion(authenticated)
    _known(row, segment_id)
    names = authenticated.store.segments.names()
    called = {one["id"]: names.get(one["id"], one["name"]) for one in _listed(row)}
    taken = next((at for at, name in called.items() if at != segment_id and _same(name, fields.name)), None)
    if taken is not None:
        raise Conflict(f"Segment {taken} is called so already; names tell segments apart.")
    authenticated.store.segments.rename(segment_id, fields.name, at=now_us())
    return json_response(_profile(authenticated, row, segment_id))


def _same(name: str, other: str | None) -> bool:
    return other is not None and name.casefold() == other.casefold()


def _champion(authenticated: AuthenticatedRequest) -> VersionRow:
    """Find the catalogue's row of the version that answers.

    Raises:
        NoModelTrained: none does.
    """
    champion = authenticated.store.models.champion(CAPABILITY, "")
    row = None if champion is None else authenticated.store.models.version(CAPABILITY, "", champion.version)
    if row is None:
        raise NoModelTrained("No segments were found yet. Find them with `foretell train segmentation`.")
    return row


def _listed(row: VersionRow) -> list[Mapping[str, Any]]:
    listed: list[Mapping[str, Any]] = row.report["segments"]
    return listed


def _known(row: VersionRow, segment_id: str) -> Mapping[str, Any]:
    """Find a segment.

    Raises:
        NotFound: the version that answers has no such segment.
    """
    for one in _listed(row):
        if segment_id == one["id"]:
            return one
    raise NotFound(f"There is no segment {segment_id} any more, or yet; GET /segments lists those that there are.")


def _fields(one: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": one["id"],
        "name": names.get(one["id"], one["name"]),
        "renamed": one["id"] in names,
        "description": one["description"],
        "share": one["share"],
        "size": one["size"],
        "value_per_contact": one["value_per_contact"],
        "value_share": one["value_share"],
        "micro_segments": one["micro_segments"],
        "traits": [{**trait, "topic": topic(trait["feature"])} for trait in one["traits"]],
    }


def _profile(authenticated: AuthenticatedRequest, row: VersionRow, segment_id: str) -> SegmentProfile:
    one = _known(row, segment_id)
    return SegmentProfile(
        **_fields(one, authenticated.store.segments.names()),
        generated_name=one["name"],
        version=row.version,
        trained_at=instant_of(row.trained_at),
    )


def _member(row: PredictionRow) -> SegmentMember:
    body = orjson.loads(row.body)
    return SegmentMember(
        contact_id=row.contact_id,
        membership=body["membership"],
        previous_segment=body["previous_segment"],
        moved_at=body["moved_at"],
        version=row.version,
        cutoff=instant_of(row.cutoff),
    )


def _week(week: SegmentWeek, called: Mapping[str, str]) -> WeekMoves:
    def named(segment_id: str) -> dict[str, str]:
        return {"id": segment_id, "name": called.get(segment_id, segment_id)}

    moves = None
    if week.moves is not None:
        moves = [
            SegmentMove(
                before=SegmentReference(**named(one.before)),
                after=SegmentReference(**named(one.after)),
                contacts=one.contacts,
            )
            for one in week.moves
        ]
    shares = sorted(week.shares.items(), key=lambda one: (-one[1], one[0]))
    return WeekMoves(
        week=week.week,
        starts_on=week.starts_on,
        contacts=week.contacts,
        segments=[SegmentShare(**named(at), share=share) for at, share in shares],
        moved_share=week.moved_share,
        moves=moves,
    )
