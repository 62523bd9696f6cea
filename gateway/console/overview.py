"""The first page: whether data suffices, models are good and fresh, answers flow and webhooks leave."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from gateway.console.api import Api, ApiProblem, segment
from gateway.console.model_words import assessment_words, changed
from gateway.console.pages import ConsolePage, PageRequest
from gateway.console.rendering import count, words
from shared.capabilities import TABLE, capability
from shared.cards.text import percentage

Document = Mapping[str, Any]
TOP: Final = 5
HOURS: Final = 48
SERIES: Final = 3
"""Statuses that have a line of their own in the plot; all others share one."""
_AT_WORK: Final = ("uploaded", "loading", "undoing")
"""Statuses of imports on which somebody works."""
REPORT_SECONDS: Final = 60.0
STATUSES: Final = {
    "ok": "with an answer",
    "insufficient_data": "too little known",
    "not_eligible": "not asked about",
    "outcome_reached": "has reached it",
    "no_consent": "no consent",
    "unknown_contact": "unknown contact",
    "control": "held out",
    "invalid": "not understood",
    "no_slot": "no hour fits",
    "none_eligible": "no message fits",
    "capped": "had enough lately",
}


async def _load(page_request: PageRequest) -> Document:
    api = page_request.api
    found = await api.all(
        activity=f"/activity?hours={HOURS}", models="/models", outcomes="/outcomes", contacts="/contacts?limit=1",
        report="/data-report?kept=true",
    )  # fmt: skip
    champions = [one for one in found["models"]["models"] if one["champion"]]
    wanted = _questions(found["outcomes"]["outcomes"], found["models"]["models"])
    rows, top, imports = await asyncio.gather(
        _rows(api, champions), _top(api, champions, wanted), _imports(page_request)
    )
    has_contacts = bool(found["contacts"]["contacts"])
    report = found["report"]
    is_of_before = report is not None and has_contacts and not report["contacts"]["total"]
    return {
        **found,
        "has_contacts": has_contacts,
        "champions": rows,
        "steps": _steps(found, has_contacts=has_contacts),
        "top": top,
        "imports": imports,
        "report": None if report is None or is_of_before else _report(report, wanted),
        "answers": answered(found["activity"]),
    }


async def _rows(api: Api, champions: Sequence[Document]) -> list[Document]:
    """Put into words how each model that answers does since, and whether contacts have changed."""
    found = await asyncio.gather(*(api.find(f"/models/{segment(one['name'])}/quality") for one in champions))
    return [
        {
            **one,
            "assessment": assessment_words("not_measured" if quality is None else quality["verdict"]),
            "changed": changed(one["input_drift"], None if quality is None else quality["drift"]),
        }
        for one, quality in zip(champions, found, strict=True)
    ]


async def _top(api: Api, champions: Sequence[Document], wanted: set[tuple[str, str]]) -> Document | None:
    """Read the first of the list of the question that stands first: that of a default outcome, where there is one."""
    listed = [one for one in champions if one["outcome"]]
    order = [line.name for line in TABLE]
    listed.sort(key=lambda one: ((one["capability"], one["outcome"]) not in wanted, order.index(one["capability"])))
    if not listed:
        return None
    first = listed[0]
    of = {"capability": first["capability"], "outcome": first["outcome"]}
    try:
        found = await api.find("/predictions", **of, limit=TOP)
    except ApiProblem as problem:  # the page is looked at when something is wrong: the rest of it is shown all the same
        return {**of, "predictions": [], "problem": problem.detail}
    return None if found is None else {**of, "predictions": found["predictions"], "problem": None}


async def _imports(page_request: PageRequest) -> list[Document]:
    """Read which files are loaded now, where the key may know."""
    if not page_request.can("ingest"):
        return []
    found = await page_request.api.find("/imports", limit=10)
    return [one for one in (found or {}).get("imports", ()) if one["status"] in _AT_WORK]


def _steps(found: Document, *, has_contacts: bool) -> list[bool] | None:
    """Say which of the first three steps are done; None: all of them."""
    models = found["models"]["models"]
    defined = [one for one in found["outcomes"]["outcomes"] if not one["built_in"]]
    done = [has_contacts, bool(defined or models), bool(models)]
    return None if all(done) else done


def _questions(outcomes: Sequence[Document], models: Sequence[Document]) -> set[tuple[str, str]]:
    """List the questions that the account asks: not the outcomes that are built in, unless one is the default."""
    defined = {(one["capability"], one["name"]) for one in outcomes if not one["built_in"] or one["default"]}
    return defined | {(one["capability"], one["outcome"] or "") for one in models}


def _report(report: Document, wanted: set[tuple[str, str]]) -> Document:
    """Put what concerns the questions that are asked before what concerns others."""
    findings = [one for one in report["findings"] if _concerns(one, wanted)]
    others = [one for one in report["findings"] if not _concerns(one, wanted)]
    questions: dict[tuple[str, str], list[Document]] = {}
    for one in report["requirements"]:
        questions.setdefault((one["capability"], one["outcome"] or ""), []).append(one)
    enough = [
        {"capability": name, "outcome": outcome, "state": suffices(needed), "needed": needed}
        for (name, outcome), needed in questions.items()
        if (name, outcome) in wanted or not capability(name).per_outcome
    ]
    return {**report, "findings": findings, "others": others, "enough": enough}


def _concerns(finding: Document, wanted: set[tuple[str, str]]) -> bool:
    affected = [(one["capability"], one["outcome"] or "") for one in finding["affects"]]
    return not affected or any(one in wanted or not one[1] for one in affected)


def suffices(needed: Sequence[Document]) -> tuple[str, str, str]:
    """Say in a word whether data suffices for a question, after the kind of the word; and what becomes of the model.

    >>> suffices([{"met": True, "otherwise": "not trained"}, {"met": False, "otherwise": "a plain rule answers"}])
    ('warn', 'with limits', 'a plain rule answers')
    """
    missing = [str(one["otherwise"]) for one in needed if one["met"] is False]
    if any(otherwise.startswith("not trained") for otherwise in missing):
        return "bad", "not enough", ""
    if missing:
        return "warn", "with limits", missing[0]
    if any(one["met"] is None for one in needed):
        return "warn", "perhaps enough", ""
    return "good", "enough", ""


def answered(activity: Document) -> Document:
    """Lay the counts of answers out for a plot, and say in words what it shows."""
    begin = datetime.fromisoformat(activity["since"])
    hours = [begin + timedelta(hours=number) for number in range(HOURS)]
    place = {at: number for number, at in enumerate(hours)}
    totals, by_status = Counter[str](), dict[str, list[int]]()
    last_day = 0
    for one in activity["hours"]:
        number = place.get(datetime.fromisoformat(one["hour"]))
        if number is None:
            continue
        totals[one["status"]] += one["answers"]
        by_status.setdefault(one["status"], [0] * HOURS)[number] += one["answers"]
        last_day += one["answers"] if number >= HOURS - 24 else 0
    shown = ["ok", *(status for status, _ in totals.most_common() if status != "ok")]
    series = [{"label": _status(one), "values": by_status.get(one, [0] * HOURS)} for one in shown[: SERIES + 1]]
    rest = [by_status[one] for one in shown[SERIES + 1 :]]
    if rest:
        series.append({"label": "others", "values": [sum(values) for values in zip(*rest, strict=True)]})
    plot = {"x": [int(at.timestamp()) for at in hours], "time": True, "steps": True, "series": series}
    return {"plot": plot, "total": totals.total(), "last_day": last_day, "finding": _finding(totals), "by": totals}


def _finding(totals: Counter[str]) -> str:
    total = totals.total()
    if not total:
        return "Nobody was asked about in the last two days."
    text = f"{count(total)} answers in the last two days, {percentage(totals['ok'] / total)} of them with a prediction"
    most = next((status for status, _ in totals.most_common() if status != "ok"), None)
    return f"{text}." if most is None else f"{text}; of the others most: {_status(most)} ({count(totals[most])})."


def _status(name: str) -> str:
    return STATUSES.get(name, words(name))


async def _load_report(page_request: PageRequest) -> Document:
    """Show the whole report: the one that is kept, or one that is made now."""
    makes_now = page_request.query("now") == "yes"
    path = "/data-report" if makes_now else "/data-report?kept=true"
    found = await page_request.api.all(report=path, models="/models", outcomes="/outcomes")
    wanted = _questions(found["outcomes"]["outcomes"], found["models"]["models"])
    return {"report": None if found["report"] is None else _report(found["report"], wanted)}


PAGES = (
    ConsolePage("", "Overview", "overview.html", _load, group=""),
    ConsolePage("data-report", "Is there enough data?", "whole_report.html", _load_report, seconds=REPORT_SECONDS),
)
