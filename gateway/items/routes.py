"""Routes of items: written, changed, listed, shown, deleted."""

from collections import Counter
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import ValidationError
from starlette.responses import Response

from gateway.bulk_requests import document, items
from gateway.context import (
    AuthenticatedRequest,
    CursorParam,
    IngestScope,
    LimitParam,
    RawBody,
    ReadScope,
    count_ingested,
    json_response,
)
from gateway.idempotency import idempotent
from gateway.items.schemas import (
    CatalogueCounts,
    ItemAnswer,
    ItemChanges,
    ItemList,
    ItemResult,
    ItemsResponse,
    ItemWriteCounts,
    PathItem,
)
from shared.contracts.items import ItemInput
from shared.contracts.prediction import ProblemPointer
from shared.contracts.rows import ItemChange, instant_of, now_us
from shared.contracts.validation import mistakes, repeatable_id
from shared.errors import BadRequest, NotFound
from shared.ingest import item_change
from shared.store import ItemFilter, ItemPlace, ItemRow

router = APIRouter(tags=["items"])


@router.put(
    "/items", response_model=ItemsResponse, operation_id="put_items", summary="Create or update items of the catalogue"
)
@idempotent
def put_items(authenticated: IngestScope, body: RawBody) -> Response:
    """Create or update 1 to 1,000 items; each is judged alone, what is valid is stored before the answer.

    What an item leaves out stays as it is, and of a new item becomes its default; `null` takes it away. Items that are
    not named stay in the catalogue.
    """
    judged = [_checked(item, place) for place, item in enumerate(items(body, "items"))]
    changes = [one for one in judged if isinstance(one, ItemChange)]
    written: list[Any] = authenticated.store.items.put(changes, at=now_us()) if changes else []
    words = iter(written)
    results = [
        one if isinstance(one, ItemResult) else ItemResult(index=place, id=one.item_id, status=next(words), errors=[])
        for place, one in enumerate(judged)
    ]
    counted = Counter(result.status for result in results)
    counts = ItemWriteCounts(**{status: counted[status] for status in ("created", "updated", "unchanged", "invalid")})
    count_ingested(authenticated, "item", counts.model_dump())
    return json_response(ItemsResponse(results=results, counts=counts, request_id=authenticated.request_id))


@router.get("/items", response_model=ItemList, operation_id="list_items", summary="List items of the catalogue")
def list_items(
    authenticated: ReadScope,
    prefix: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=200,
            description="Only those whose id, or whose name in small or capital letters, begins so.",
        ),
    ] = None,
    category: Annotated[
        str | None, Query(min_length=1, max_length=200, description="Only those of this category, letter by letter.")
    ] = None,
    active: Annotated[bool | None, Query(description="Only those that are active, or not.")] = None,
    limit: LimitParam = 100,
    cursor: CursorParam = None,
) -> Response:
    """List the catalogue a page at a time: by id; a search by name lists those whose name begins so behind them."""
    store, which = authenticated.store, ItemFilter(category, active, prefix or "")
    purpose = f"items {category!r} {active} {prefix!r}"
    place: Any = authenticated.read_cursor(purpose, cursor)
    found = store.items.page(limit, after=None if place is None else ItemPlace(*place), which=which)
    last = found[-1] if len(found) == limit else None
    next_cursor = None if last is None else authenticated.next_cursor(purpose, list(which.place_of(last)))
    catalogue = store.items.catalogue()
    counts = CatalogueCounts(items=catalogue.items, offered=catalogue.offered)
    return json_response(ItemList(items=[_answer(row) for row in found], catalogue=counts, next_cursor=next_cursor))


@router.get("/items/{item_id:path}", response_model=ItemAnswer, operation_id="show_item", summary="Show an item")
def show_item(authenticated: ReadScope, item_id: PathItem) -> Response:
    """Show what the catalogue says of an item."""
    return json_response(_answer(_known(authenticated, item_id)))


@router.patch("/items/{item_id:path}", response_model=ItemAnswer, operation_id="change_item", summary="Change an item")
@idempotent
def change_item(authenticated: IngestScope, item_id: PathItem, body: RawBody) -> Response:
    """Change a known item, as JSON Merge Patch (RFC 7396) says; what is switched off is not recommended from now on."""
    fields = document(body)
    if fields.pop("id", item_id) != item_id:
        raise _refused([{"pointer": "/id", "detail": "The id differs from the one in the path; leave it out."}])
    try:
        changes = ItemChanges.model_validate(fields)
    except ValidationError as error:
        raise _refused(mistakes(_details(error), fields)) from error
    (status,) = authenticated.store.items.put([ItemChange(item_id, changes.given())], at=now_us(), creates=False)
    if status == "missing":
        raise _absent()
    count_ingested(authenticated, "item", {status: 1})
    return json_response(_answer(_known(authenticated, item_id)))


@router.delete("/items/{item_id:path}", status_code=204, operation_id="delete_item", summary="Delete an item")
@idempotent
def delete_item(authenticated: IngestScope, item_id: PathItem) -> Response:
    """Take an item out of the catalogue; events that name it stay.

    To end its recommendation, switch it off with `PATCH`: of an item that the catalogue does not know, nobody knows
    whether it is still sold.
    """
    if not authenticated.store.items.delete([item_id], at=now_us()):
        raise _absent()
    return Response(status_code=204)


def _checked(item: Any, place: int) -> ItemChange | ItemResult:
    try:
        read = ItemInput.model_validate(item)
    except ValidationError as error:
        errors = [ProblemPointer(**one) for one in mistakes(_details(error), item, f"/items/{place}")]
        return ItemResult(index=place, id=repeatable_id(item), status="invalid", errors=errors)
    return item_change(read)


def _details(error: ValidationError) -> list[dict[str, Any]]:
    return [{**entry} for entry in error.errors(include_url=False, include_input=False)]


def _refused(errors: list[dict[str, str]]) -> BadRequest:
    return BadRequest("The item does not fit the contract; `errors` says where.", errors=errors)


def _absent() -> NotFound:
    return NotFound("There is no item of this id in this account's catalogue; PUT /items creates it.")


def _known(authenticated: AuthenticatedRequest, item_id: str) -> ItemRow:
    row = authenticated.store.items.find(item_id)
    if row is None:
        raise _absent()
    return row


def _answer(row: ItemRow) -> ItemAnswer:
    fields = row._asdict()
    return ItemAnswer(id=fields.pop("item_id"), **{**fields, "updated_at": instant_of(row.updated_at)})
