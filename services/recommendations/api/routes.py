"""The routes beside `POST /recommendations`: items similar to others, and what is popular now."""

from collections.abc import Collection
from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import ValidationError
from starlette.responses import Response

from services.recommendations.api.offers import with_offer
from services.recommendations.schemas import (
    MOST_ITEMS,
    POPULAR_RESPONSE_EXAMPLE,
    SIMILAR_REQUEST_EXAMPLE,
    SIMILAR_RESPONSE_EXAMPLE,
    PopularResponse,
    ShownItems,
    SimilarRequest,
    SimilarResponse,
)
from shared.errors import NotFound
from shared.http import problem
from shared.http.middleware import parse_json
from shared.serving.capability_spec import ExtraRoute
from shared.serving.champions import Champion
from shared.serving.service import Service, require_scope
from shared.store import AccountStore


def similar(model: Any, wanted: SimilarRequest) -> list[dict[str, Any]]:
    """List the items similar to each, of a `RecommendationModel` with what the catalogue says now."""
    shown = model.shown(wanted.filters)
    return [_similar_to(model, name, shown, wanted.count) for name in wanted.items]


def _similar_to(model: Any, name: str, shown: Any, count: int) -> dict[str, Any]:
    code = model.code_of.get(name)
    if code is None:
        nothing = {"name": None, "category": None, "price": None, "currency": None, "url": None}
        return {"id": name, **nothing, "status": "unknown_item", "items": []}
    near, likeness = (row[code].tolist() for row in (model.known.neighbours.item, model.known.neighbours.likeness))
    pairs = [(other, alike) for other, alike in zip(near, likeness, strict=True) if other >= 0 and shown[other]]
    found = [
        {**model.item(other), "score": float(alike), "reason": f"Often bought with {model.name(code)}"}
        for other, alike in pairs[:count]
    ]
    return {**model.item(code), "status": "ok", "items": found}


def popular(model: Any, limit: int) -> dict[str, Any]:
    """List what most buy lately, and what more buy than before, of a `RecommendationModel`."""
    shown = model.shown(ShownItems())
    return {
        name: [_popular_item(model, code) for code in model.popular(shown, limit, by_trend=name == "trending")]
        for name in ("popular", "trending")
    }


def _popular_item(model: Any, code: int) -> dict[str, Any]:
    listed = model.popular_item(code)
    facts = model.known.facts
    return {
        **listed.item,
        "score": listed.score,
        "buyers": int(facts.buyers[code]),
        "times_before": round(float(2.718281828459045 ** facts.trend[code]), 3),
    }


async def _similar(request: Request) -> Response:
    service: Service = request.app.state.service
    call = request.state.call
    require_scope(call, "predict")
    content = parse_json(await request.body())
    try:
        wanted = SimilarRequest.model_validate(content)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        raise problem.invalid([dict(entry) for entry in details], content) from None
    champion = await service.champions.of(call.account, "")
    store = service.store.of(call.account)
    found = await service.pools.run(lambda: similar(_current(store, champion), wanted), contacts=1)
    request.state.facts = {"account": call.account, "items": len(wanted.items), "version": champion.version}
    answer = SimilarResponse.model_validate(
        {"similar": found, "model": _model_info(champion), "request_id": call.request_id}
    )
    return Response(answer.model_dump_json(), media_type="application/json")


async def _similar_to_one(
    request: Request,
    item_id: str,
    count: Annotated[int, Query(ge=1, le=MOST_ITEMS, description="Similar items, at most.")] = 10,
) -> Response:
    service: Service = request.app.state.service
    call = request.state.call
    require_scope(call, "read")
    champion = await service.champions.of(call.account, "")
    store = service.store.of(call.account)
    if item_id not in _items_of(champion):
        raise NotFound("Nobody bought such an item, or too few, when the version learned.")
    wanted = SimilarRequest.model_construct(items=[item_id], count=count)
    found = await service.pools.run(lambda: similar(_current(store, champion), wanted), contacts=1)
    request.state.facts = {"account": call.account, "version": champion.version}
    answer = SimilarResponse.model_validate(
        {"similar": found, "model": _model_info(champion), "request_id": call.request_id}
    )
    return Response(answer.model_dump_json(), media_type="application/json")


async def _popular(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=MOST_ITEMS, description="Items of each list, at most.")] = 10,
) -> Response:
    service: Service = request.app.state.service
    call = request.state.call
    require_scope(call, "read")
    champion = await service.champions.of(call.account, "")
    store = service.store.of(call.account)
    found = await service.pools.run(lambda: popular(_current(store, champion), limit), contacts=1)
    request.state.facts = {"account": call.account, "version": champion.version}
    answer = PopularResponse.model_validate({**found, "model": _model_info(champion), "request_id": call.request_id})
    return Response(answer.model_dump_json(), media_type="application/json")


def _items_of(champion: Champion) -> Collection[str]:
    model: Any = champion.model
    codes: Collection[str] = model.code_of
    return codes


def _current(store: AccountStore, champion: Champion) -> Any:
    model: Any = champion.model
    return with_offer(store, model)


def _model_info(champion: Champion) -> dict[str, Any]:
    model = champion.model
    return {
        "capability": "recommendations",
        "outcome": None,
        "version": champion.version,
        "kind": model.kind,
        "horizon_days": model.horizon_days,
        "trained_at": model.trained_at,
        "grade": model.grade,
    }


EXTRA_ROUTES = (
    ExtraRoute(
        path="/recommendations/similar",
        method="post",
        operation_id="search_similar_items",
        summary="Which items do the same contacts buy?",
        handler=_similar,
        problems=(
            "no-model-trained",
            "body-too-large",
            "invalid-request",
            "malformed-json",
            "model-not-ready",
            "store-unavailable",
        ),
        response=SimilarResponse,
        response_example=SIMILAR_RESPONSE_EXAMPLE,
        request=SimilarRequest,
        request_example=SIMILAR_REQUEST_EXAMPLE,
    ),
    ExtraRoute(
        path="/recommendations/similar/{item_id:path}",
        method="get",
        operation_id="show_similar_items",
        summary="Which items do those who buy this one buy too?",
        handler=_similar_to_one,
        problems=("no-model-trained", "model-not-ready", "store-unavailable"),
        response=SimilarResponse,
        response_example=SIMILAR_RESPONSE_EXAMPLE,
    ),
    ExtraRoute(
        path="/recommendations/popular",
        method="get",
        operation_id="list_popular_items",
        summary="What do contacts buy now?",
        handler=_popular,
        problems=("no-model-trained", "model-not-ready", "store-unavailable"),
        response=PopularResponse,
        response_example=POPULAR_RESPONSE_EXAMPLE,
    ),
)
