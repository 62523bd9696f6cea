"""Models: how good and how fresh each is, one in full, and the score from which on it pays."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from starlette.responses import Response

from gateway.console.api import Api, ApiProblem, segment
from gateway.console.model_words import ACTIONS, actor_words, assessment_words, changed, trust
from gateway.console.pages import ConsolePage, PageRequest
from shared.cards.card import KINDS
from shared.contracts.model_card import CalibrationGroup

MOST_LOOKS: Final = 30
"""How often a page looks whether another version answers, before it says that the worker seems to be away."""
VALUE, COST = "100", "5"
"""What a success brings and addressing costs, until somebody says otherwise."""


_NOT_COUNTED: Final = {"given": {"value": VALUE, "cost": COST, "share": "100"}, "cut": None, "refused": None}


async def _list(page_request: PageRequest) -> Mapping[str, Any]:
    """Read every model once: the version that answers, or else the newest."""
    every = await page_request.api.get("/models")
    names = list(dict.fromkeys(one["name"] for one in every["models"]))
    rows = await asyncio.gather(*(_listed(page_request.api, name) for name in names))
    return {"rows": rows}


async def _listed(api: Api, name: str) -> dict[str, Any]:
    found = await api.all(model=f"/models/{segment(name)}?limit=1", quality=f"/models/{segment(name)}/quality")
    quality, model = found["quality"], found["model"]
    has = changed(model["input_drift"], quality["drift"])
    return {
        "model": model,
        "assessment": assessment_words(quality["verdict"]),
        "changed": has,
        "trusted": trust(model["grade"], quality, comes_true=bool(model["outcome"]), has_changed=has.has_changed),
    }


async def _model(page_request: PageRequest) -> Mapping[str, Any]:
    """Read everything about a model, and about one of its versions."""
    api, name = page_request.api, segment(page_request.path("name"))
    model = await api.get(f"/models/{name}", limit=20, cursor=page_request.query("cursor"))
    shown = page_request.query("version") or model["described"]
    found = await api.all(
        card=f"/models/{name}/versions/{segment(shown)}/card",
        quality=f"/models/{name}/quality",
        history=f"/models/{name}/history?limit=20",
        shadow=f"/models/{name}/shadow",
    )
    if found["card"] is None:
        raise ApiProblem(404, {"title": "Not found", "detail": f"There is no version {shown} of {model['name']}."})
    card, quality = found["card"], found["quality"]
    answers = shown == model["champion"]
    has = changed(model["input_drift"], quality["drift"])
    # Counting the scores of a large account takes a while: the page asks for it by itself, unless a form was sent.
    cutoff = await _cutoff(page_request) if card["score_ranges"] and page_request.query("value") else _NOT_COUNTED
    return {
        **found,
        **cutoff,
        "model": model,
        "shown": shown,
        "calibration": [CalibrationGroup(**one) for one in card["calibration"]],
        "trusted": trust(
            card["grade"],
            quality if answers else None,
            comes_true=bool(model["outcome"]),
            has_changed=answers and has.has_changed,
        ),
        "kinds": KINDS,
        "assessment": assessment_words(quality["verdict"]),
        "changed": has,
        "live": _live(quality, model["champion"]),
        "weeks": _weeks(quality),
        "feature_words": {one["name"]: one["words"] for one in card["features"]},
        "events": [_event(one) for one in found["history"]["entries"]],
        "left": page_request.query("left"),
        "is_switched": page_request.query("left") != (model["champion"] or "none"),
        "looks": 0,
        "is_late": False,
    }


def _live(quality: Mapping[str, Any], champion: str | None) -> Mapping[str, Any] | None:
    """Return what was found of the version that answers; None: nothing yet."""
    versions = (quality["quality"] or {}).get("versions", [])
    return next((one for one in versions if one["version"] == champion and one["live"]), None)


def _weeks(quality: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Plot by week how many were to reach the outcome and how many did; None: there are fewer than two weeks."""
    by_week: dict[str, list[Mapping[str, Any]]] = {}
    for one in (quality["quality"] or {}).get("weeks", []):
        by_week.setdefault(one["starts_on"], []).append(one["figures"])
    if len(by_week) < 2:
        return None
    weeks = sorted(by_week.items())
    return {
        "x": [datetime.fromisoformat(week).replace(tzinfo=UTC).timestamp() for week, _ in weeks],
        "time": True,
        "percent": True,
        "series": [
            {"label": "predicted", "values": [_rate(figures, "expected") for _, figures in weeks]},
            {"label": "came true", "values": [_rate(figures, "positives") for _, figures in weeks]},
        ],
    }


def _rate(figures: Sequence[Mapping[str, Any]], name: str) -> float:
    """Divide a sum over the versions of a week by their predictions."""
    rate: float = sum(one[name] for one in figures) / max(1, sum(one["predictions"] for one in figures))
    return rate


def _event(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Put a line of the history into words."""
    return {
        "occurred_at": entry["occurred_at"],
        "version": entry["version"],
        "what": ACTIONS.get(entry["action"], entry["action"].replace("_", " ")),
        "who": actor_words(entry["actor"]),
        "reason": entry["reason"],
        "replaced": entry["replaced_version"],
    }


async def _cutoff(page_request: PageRequest) -> Mapping[str, Any]:
    """Find from which score on it pays, by what a form says."""
    name = segment(page_request.path("name"))
    share = page_request.query("share", "100")
    given = {"value": page_request.query("value", VALUE), "cost": page_request.query("cost", COST)}
    query = {**given, "version": page_request.query("version"), "capacity_share": _share(share)}
    try:
        found = await page_request.api.get(f"/models/{name}/thresholds", **query)
    except ApiProblem as refused:
        return {"given": given | {"share": share}, "cut": None, "profit": None, "refused": refused.document}
    return {"given": given | {"share": share}, "cut": found, "profit": _profit(found["cuts"]), "refused": None}


def _share(percent: str) -> float | str | None:
    """Read a share in percent; None: no bound. What is no number goes to the API as it is, which says so."""
    try:
        number = float(percent)
    except ValueError:
        return percent
    return None if number >= 100 else number / 100


def _profit(cuts: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Plot the profit by how many are addressed, from nobody to everybody."""
    points = {0.0: 0.0} | {round(100 * one["share"], 2): one["profit"] for one in cuts}
    return {
        "x": list(points),
        "x_label": "percent of the contacts addressed, the highest scores first",
        "series": [{"label": "expected profit", "values": list(points.values())}],
    }


async def _switching(page_request: PageRequest) -> Mapping[str, Any]:
    """Look whether another version answers than the one that did."""
    name, left = page_request.path("name"), page_request.query("left")
    model = await page_request.api.get(f"/models/{segment(name)}", limit=1)
    looks = int(page_request.query("looks") or 0) if page_request.query("looks").isdecimal() else 0
    return {
        "model": model,
        "left": left,
        "is_switched": left != (model["champion"] or "none"),
        "looks": looks + 1,
        "is_late": looks + 1 >= MOST_LOOKS,
    }


async def _card(page_request: PageRequest) -> Response:
    """Pass the model card on, a page that prints well."""
    name, version = (segment(page_request.path(one)) for one in ("name", "version"))
    return page_request.api.passed_on("GET", f"/models/{name}/versions/{version}/card?format=html")


PAGES = (
    ConsolePage("models", "Models", "models.html", _list, group="Models"),
    ConsolePage("models/{name}", "Model", "model.html", _model, within="models"),
    ConsolePage("models/{name}/cutoff", "Whom to address", "model_cutoff.html", _cutoff, within="models"),
    ConsolePage("models/{name}/switching", "Versions", "model_switching.html", _switching, within="models"),
    ConsolePage("models/{name}/versions/{version}/card", "Model card", "model.html", _card, within="models"),
)
