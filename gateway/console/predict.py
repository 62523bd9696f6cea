"""Say what is to be predicted, see at once whether the data suffices, train, and watch: a page each."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.console.api import Api, ApiProblem, segment
from gateway.console.model_words import outcome_words, trust
from gateway.console.pages import ConsolePage, PageRequest
from shared.capabilities import OUTCOME_NAMES, TABLE
from shared.contracts.defaults import LEAST_CONTACTS

KINDS: Final[Mapping[str, str]] = {"event": "scoring", "attribute": "scoring", "silence": "churn", "cancel": "churn"}
"""What a form asks about, and the question of the API that it belongs to."""
DAYS: Final[Mapping[str, int]] = {"event": 30, "silence": 90, "cancel": 60}
OPEN_STATES: Final = ("queued", "running")
_NOT_A_NAME: Final = re.compile(r"[^a-z0-9]+")
_LONGEST_NAME: Final = 63


async def _questions(page_request: PageRequest) -> Mapping[str, Any]:
    """Read everything that is asked, and the model of each."""
    found = await page_request.api.all(outcomes="/outcomes", models="/models")
    answering = {one["name"]: one for one in reversed(found["models"]["models"])}
    answering |= {one["name"]: one for one in found["models"]["models"] if one["champion"]}
    names = [f"{one['capability']}.{one['name']}" for one in found["outcomes"]["outcomes"]]
    names += [line.name for line in TABLE if not line.per_outcome]
    latest = await asyncio.gather(*(_latest(page_request.api, name) for name in names))
    training = dict(zip(names, latest, strict=True))
    questions = [
        _row(f"{one['capability']}.{one['name']}", outcome_words(one), answering, training)
        for one in found["outcomes"]["outcomes"]
    ]
    questions.sort(key=lambda one: (one["model"] is None, one["training"] is None))
    return {
        "questions": questions,
        "account_models": [
            _row(line.name, line.question, answering, training) for line in TABLE if not line.per_outcome
        ],
    }


def _row(name: str, words: str, models: Mapping[str, Any], training: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "words": words, "model": models.get(name), "training": training[name]}


async def _latest(api: Api, name: str) -> Any | None:
    page = await api.get(f"/models/{segment(name)}/trainings", limit=1)
    return next(iter(page["trainings"]), None)


async def _form(page_request: PageRequest) -> Mapping[str, Any]:
    """Read what the form offers, and count what it says."""
    # One after the other: the first reads the contacts on which the second counts.
    vocabulary = await page_request.api.get("/data-report/vocabulary")
    counts = await _counts(page_request)
    return {**counts, "vocabulary": vocabulary, "values": _values(vocabulary, page_request), "is_part": False}


async def _counts_part(page_request: PageRequest) -> Mapping[str, Any]:
    """Count what a form says, and read the values that its attribute has."""
    counts = await _counts(page_request)
    by_attribute = counts["kind"] == "attribute" and page_request.query("attribute")
    vocabulary = await page_request.api.get("/data-report/vocabulary") if by_attribute else {"attributes": []}
    return {**counts, "values": _values(vocabulary, page_request), "is_part": True}


def _values(vocabulary: Mapping[str, Any], page_request: PageRequest) -> list[dict[str, Any]]:
    """List the values of the attribute that a form names."""
    name = page_request.query("attribute")
    return next((one["values"] for one in vocabulary["attributes"] if one["name"] == name), [])


async def _counts(page_request: PageRequest) -> Mapping[str, Any]:
    """Count who would have reached what a form says; nothing is counted while it says too little."""
    kind = page_request.query("kind", "event")
    kind = kind if kind in KINDS else "event"
    silence = page_request.http.query_params.getlist("silence")
    fields = _fields(page_request, kind, silence)
    known = {
        "kind": kind,
        "silence": silence,
        "days": page_request.query("days") or DAYS.get(kind, 0),
        "least": LEAST_CONTACTS,
    }
    nothing = {"fields": None, "preview": None, "refused": None, "name": "", "model": "", "before": None}
    if fields is None:
        return known | nothing
    name = _name(page_request.query("name")) or _suggested(fields)
    capability = KINDS[kind]
    try:
        answer = await page_request.api.call("POST", "/outcomes/preview", query={"capability": capability}, body=fields)
    except ApiProblem as refused:
        return known | nothing | {"refused": refused.document}
    before = await page_request.api.find(f"/outcomes/{name}", capability=capability)
    found = {"fields": _hidden(fields), "preview": answer.json(), "refused": None, "name": name}
    return known | found | {"model": f"{capability}.{name}", "before": before, "words": outcome_words(fields)}


def _fields(page_request: PageRequest, kind: str, silence: Sequence[str]) -> dict[str, Any] | None:
    """Make the fields of an outcome of a form; None: nothing is chosen yet."""
    query = page_request.query
    if kind == "attribute":
        if not query("attribute"):
            return None
        return {"attribute": query("attribute")} | ({"positive": query("value")} if query("value") else {})
    days = _whole(query("days"), DAYS[kind])
    active = {"active_within_days": _whole(query("active"), 0)} if query("active") else {}
    if kind == "silence":
        return {"silence": list(silence), "horizon_days": days} | active if silence else None
    if not query("event"):
        return None
    again = {"repeatable": True} if kind == "event" and query("again") else {}
    return {"event_types": [query("event")], "horizon_days": days} | again | active


def _hidden(fields: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Write the fields of an outcome as fields of the form that stores it."""
    hidden: list[tuple[str, Any]] = []
    for name, value in fields.items():
        match value:
            case list():
                hidden += [(f"{name}[]", one) for one in value]
            case bool():
                hidden.append((f"{name}:flag", "yes" if value else "no"))
            case int():
                hidden.append((f"{name}:number", value))
            case _:
                hidden.append((name, value))
    return hidden


def _whole(text: str, otherwise: int) -> Any:
    """Read a number of days; what is none goes to the API as it is, which says so."""
    text = text.strip()
    return int(text) if text.isdecimal() else text or otherwise


def _name(text: str) -> str:
    """Make a name of the API of what somebody typed.

    >>> _name("Buys a 2nd time!")
    'buys_a_2nd_time'
    """
    return _NOT_A_NAME.sub("_", text.lower()).strip("_")[:_LONGEST_NAME]


def _suggested(fields: Mapping[str, Any]) -> str:
    """Name an outcome by what it says.

    >>> _suggested({"event_types": ["order_placed"], "horizon_days": 30})
    'order_placed_30d'
    >>> _suggested({"silence": ["order_placed", "page_viewed"], "horizon_days": 90})
    'no_order_placed_90d'
    >>> _suggested({"attribute": "Lead Stage", "positive": "Won"})
    'lead_stage_won'
    """
    if "attribute" in fields:
        return _name(f"{fields['attribute']} {fields.get('positive', '')}") or "outcome"
    event = f"no_{fields['silence'][0]}" if "silence" in fields else fields["event_types"][0]
    return _name(f"{event} {fields['horizon_days']}d") or "outcome"


async def _model(page_request: PageRequest) -> Mapping[str, Any]:
    """Read one question: what it says, whether the data suffices, and its training."""
    api, name = page_request.api, page_request.path("name")
    capability, _, outcome = name.partition(".")
    if outcome and capability in OUTCOME_NAMES:
        defined = await api.get(f"/outcomes/{segment(outcome)}", capability=capability)
        words, counted = outcome_words(defined), f"outcome={outcome}"
    else:
        words, counted = next((line.question for line in TABLE if line.name == name), name), ""
        defined = None
    panel = await _panel(page_request)
    enough = await _enough(page_request) if page_request.query("count") else None
    return {"words": words, "defined": defined, "counted": counted, "enough": enough, **panel}


async def _panel(page_request: PageRequest) -> Mapping[str, Any]:
    """Read the latest training of a model, and the card of what it made."""
    api, name = page_request.api, page_request.path("name")
    found = await api.get(f"/models/{segment(name)}/trainings", limit=5)
    latest = next(iter(found["trainings"]), None)
    model = await api.find(f"/models/{segment(name)}", limit=1)
    made = latest["result"] if latest is not None else None
    shown = made["version"] if made is not None else model and model["described"]
    card = shown and await api.find(f"/models/{segment(name)}/versions/{shown}/card")
    return {
        "name": name,
        "training": latest,
        "is_open": latest is not None and latest["status"] in OPEN_STATES,
        "earlier": found["trainings"][1:],
        "model": model,
        "card": card or None,
        "trusted": trust(card["grade"]) if card else None,
    }


async def _enough(page_request: PageRequest) -> Mapping[str, Any]:
    """Read in counts what a model needs and what there is: an outcome is counted, others are in the data report."""
    api, name = page_request.api, page_request.path("name")
    capability, _, outcome = name.partition(".")
    if outcome:
        query = {"capability": capability, "name": outcome}
        preview = (await api.call("POST", "/outcomes/preview", query=query)).json()
        return {"requirements": preview["requirements"], "text": preview["text"], "findings": []}
    report = await api.find("/data-report", kept="true") or await api.get("/data-report")
    mine = [one for one in report["requirements"] if one["capability"] == capability]
    findings = [one for one in report["findings"] if not one["affects"] or _affects(one, capability)]
    return {"requirements": mine, "text": "", "findings": [one for one in findings if one["severity"] != "informs"]}


def _affects(finding: Mapping[str, Any], capability: str) -> bool:
    return any(one["capability"] == capability for one in finding["affects"])


async def _enough_part(page_request: PageRequest) -> Mapping[str, Any]:
    return {"enough": await _enough(page_request)}


PAGES = (
    ConsolePage("predict", "Predict", "predict.html", _questions, group="Models"),
    ConsolePage("predict/new", "What is to be predicted?", "predict_new.html", _form, within="predict"),
    ConsolePage("predict/counts", "Counts", "predict_counts.html", _counts_part, within="predict"),
    ConsolePage("predict/{name}", "Train", "predict_model.html", _model, within="predict"),
    ConsolePage("predict/{name}/training", "Training", "predict_training.html", _panel, within="predict"),
    ConsolePage("predict/{name}/enough", "Data", "predict_enough.html", _enough_part, within="predict"),
)
