"""Routes of one model: its versions, their reports, cards and plots; from the catalogue, never from the registry."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query
from starlette.responses import Response

from gateway.context import AuthenticatedRequest, CursorParam, LimitParam, ReadScope, json_response
from gateway.models.catalogue import drift_answer, model_answer
from gateway.models.names import NamedModel
from gateway.models.schemas import ModelDetail, VersionDetail
from shared.cards import as_html, card_of
from shared.cards.html import policy
from shared.contracts.model_card import ModelCard
from shared.contracts.outcome import ModelName
from shared.contracts.rows import instant_of, now_us
from shared.errors import NotFound
from shared.store import VersionRow

router = APIRouter(tags=["models"])
PathVersion = Annotated[
    str, Path(description="A registered version, as `/models/{name}` lists it.", pattern=r"^\d{1,18}$", examples=["1"])
]
PathPlot = Annotated[
    str, Path(description="As `plots` of the version lists it.", pattern=r"^[a-z0-9_]{1,64}$", examples=["reliability"])
]
Format = Annotated[
    Literal["json", "html"] | None, Query(description="Instead of `Accept`: what a link can say.", examples=["html"])
]
_CARD_FORMATS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/html": {"schema": {"type": "string"}, "example": "<!doctype html>..."}}}
}
_PNG: dict[int | str, dict[str, Any]] = {
    200: {
        # Generators of clients know this media type for bytes; what is sent says image/png.
        "content": {
            "application/octet-stream": {
                "schema": {"type": "string", "format": "binary"},
                "example": "(bytes of a picture)",
            }
        },
        "description": "The picture, PNG.",
    }
}


@router.get("/models/{name}", response_model=ModelDetail, operation_id="show_model", summary="Show a model")
def show_model(
    authenticated: ReadScope, model: NamedModel, limit: LimitParam = 100, cursor: CursorParam = None
) -> Response:
    """Show what a model answers, which version does, how old and how good it is, and its versions, newest first."""
    rows = authenticated.store.models.versions(model.capability, model.outcome)
    if not rows:
        raise NotFound(f"There is no version of {model.text} in this account: train it first. GET /models lists yours.")
    champion = champion_version(authenticated, model)
    shown = next((row for row in rows if row.version == champion), rows[0])
    card = card_of(shown, name=model.text, champion=shown.version == champion, now=now_us())
    purpose = f"versions of {model.text}"
    place: Any = authenticated.read_cursor(purpose, cursor)
    begin = 0 if place is None else 1 + next((n for n, row in enumerate(rows) if _place(row) == place), len(rows))
    page = rows[begin : begin + limit]
    more = begin + limit < len(rows)
    return json_response(
        ModelDetail(
            name=model.text,
            capability=model.capability,
            outcome=model.outcome or None,
            question=card.question,
            champion=champion,
            described=shown.version,
            grade=card.grade,
            grade_in_words=card.grade_in_words,
            trained_at=card.trained_at,
            age_days=card.age_days,
            in_short=card.in_short,
            limits=card.limits,
            input_drift=None if shown.input_drift is None else drift_answer(shown.input_drift),
            versions=[model_answer(row, champion=row.version == champion) for row in page],
            next_cursor=authenticated.next_cursor(purpose, _place(page[-1])) if more else None,
        )
    )


def _place(row: VersionRow) -> list[Any]:
    return [row.trained_at, row.version]


@router.get(
    "/models/{name}/versions/{version}",
    response_model=VersionDetail,
    operation_id="show_model_version",
    summary="Show a version",
)
def show_version(authenticated: ReadScope, model: NamedModel, version: PathVersion) -> Response:
    """Show a version's figures and its whole report."""
    row = version_row(authenticated, model, version)
    answer = model_answer(row, champion=row.version == champion_version(authenticated, model))
    until = row.report.get("trained_until")
    return json_response(
        VersionDetail(
            **answer.model_dump(),
            digest=row.digest,
            trained_until=None if until is None else instant_of(until),
            report=dict(row.report),
            plots=authenticated.store.models.plot_names(model.capability, model.outcome, version),
        )
    )


@router.get(
    "/models/{name}/versions/{version}/card",
    response_model=ModelCard,
    operation_id="show_model_card",
    summary="Show a model card",
    responses=_CARD_FORMATS,
)
def show_card(
    authenticated: ReadScope,
    model: NamedModel,
    version: PathVersion,
    format: Format = None,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """Show a version for people who are no data scientists: as JSON, or with `Accept: text/html` as a page.

    What it answers, how good it is beside plain rules, what it looks at, whether groups of contacts are treated alike,
    who was left out, its limits, and what it is not for. The page has no script and asks for nothing else.
    """
    row = version_row(authenticated, model, version)
    champion = row.version == champion_version(authenticated, model)
    card = card_of(row, name=model.text, champion=champion, now=now_us())
    if format == "html" or (format is None and prefers_html(accept)):
        headers = {"Content-Security-Policy": f"{policy()}; frame-ancestors 'none'", "Vary": "Accept"}
        return Response(as_html(card), media_type="text/html", headers=headers)
    answer = json_response(card)
    answer.headers["Vary"] = "Accept"
    return answer


def prefers_html(accept: str) -> bool:
    """Whether a client wants HTML rather than JSON; who wants neither more, as `*/*`, gets JSON.

    >>> prefers_html("text/html,application/xhtml+xml,*/*;q=0.8"), prefers_html("application/json, text/html;q=0.5")
    (True, False)
    >>> prefers_html("*/*"), prefers_html("")
    (False, False)
    """
    weights: dict[str, float] = {}
    for part in accept.lower().split(","):
        kind, *parameters = (one.strip() for one in part.split(";"))
        weight = next((one[2:] for one in parameters if one.startswith("q=")), "1")
        try:
            weights[kind] = float(weight)
        except ValueError:
            weights[kind] = 0.0
    return weights.get("text/html", 0.0) > weights.get("application/json", 0.0)


@router.get(
    "/models/{name}/versions/{version}/plots/{plot}",
    response_class=Response,
    operation_id="show_model_plot",
    summary="Show a plot",
    responses=_PNG,
)
def show_plot(authenticated: ReadScope, model: NamedModel, version: PathVersion, plot: PathPlot) -> Response:
    """Return a plot of a version's report as PNG, as it was drawn at the training."""
    found = authenticated.store.models.plots(model.capability, model.outcome, version)
    if plot not in found:
        raise NotFound(f"Version {version} of {model.text} has no plot {plot!r}; it has: {', '.join(found) or 'none'}.")
    return Response(found[plot], media_type="image/png")


def champion_version(authenticated: AuthenticatedRequest, model: ModelName) -> str | None:
    """Return the version that answers; None: none does."""
    champion = authenticated.store.models.champion(model.capability, model.outcome)
    return None if champion is None else champion.version


def version_row(authenticated: AuthenticatedRequest, model: ModelName, version: str) -> VersionRow:
    """Find a version in the catalogue.

    Raises:
        NotFound: there is none; says where those there are stand.
    """
    row = authenticated.store.models.version(model.capability, model.outcome, version)
    if row is None:
        raise NotFound(
            f"There is no version {version} of {model.text}; GET /models/{model.text} lists those there are."
        )
    return row
