"""Attribution: which channel gets the credit, shown once the worker has made the report."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from gateway.console.api import ApiAnswer, ApiProblem
from gateway.console.pages import ConsolePage, PageRequest
from shared.contracts.attribution import LOOKBACK_DAYS

QUESTION: Final = ("outcome", "from", "to", "by", "lookback_days", "unit")
BY: Final = {"channel": "Channel", "campaign": "Campaign", "message": "Message"}
REFUSED: Final = (HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)
"""What the answer to a question says on the page itself, beside the form."""


async def _page(page_request: PageRequest) -> Mapping[str, Any]:
    outcomes = (await page_request.api.get("/outcomes", capability="scoring"))["outcomes"]
    reached = [one for one in outcomes if one["event_types"]]
    chosen = page_request.query("outcome")
    default = next((one["name"] for one in reached if one["default"]), reached[0]["name"] if reached else "")
    report: Mapping[str, Any] = await _report(page_request) if chosen else {"state": None}
    return {
        **report,
        "outcomes": reached,
        "chosen": chosen or default,
        "by_names": BY,
        "given": {name: page_request.query(name) for name in QUESTION},
        "lookback": page_request.query("lookback_days") or str(LOOKBACK_DAYS),
    }


async def _report(page_request: PageRequest) -> dict[str, Any]:
    """Read the report to the question of the page's query: made, being made, or why there is none."""
    question = {name: page_request.query(name) for name in QUESTION}
    found: dict[str, Any] = {"state": None, "report": None, "refused": None, "rows": (), "question": question}
    try:
        answer: ApiAnswer = await page_request.api.call("GET", "/attribution", query=question)
    except ApiProblem as problem:
        if problem.status not in REFUSED:
            raise
        return {**found, "state": "refused", "refused": problem}
    if answer.status == HTTPStatus.ACCEPTED:
        return {**found, "state": "waits", "waits": answer.json()}
    report = answer.json()
    return {**found, "state": "made", "report": report, "rows": rows_of(report["channels"])}


def rows_of(channels: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return each channel with where its bars lie, in hundredths of the width from the lowest to the highest figure."""
    ends = [0.0]
    for one in channels:
        ends += [one["credits"]["shapley"][name] for name in ("low", "high")]
        ends.append(one["credits"]["last_touch"]["conversions"])
    least, most = min(ends), max(ends)

    def place(figure: float) -> float:
        return round(100 * (figure - least) / ((most - least) or 1.0), 2)

    def bar(figure: float) -> dict[str, float]:
        return {"x": min(place(0.0), place(figure)), "width": abs(place(figure) - place(0.0))}

    return [
        {
            "channel": one,
            "zero": place(0.0),
            "shapley": bar(one["credits"]["shapley"]["conversions"]),
            "interval": (place(one["credits"]["shapley"]["low"]), place(one["credits"]["shapley"]["high"])),
            "last": bar(one["credits"]["last_touch"]["conversions"]),
        }
        for one in channels
    ]


PAGES = (
    ConsolePage("attribution", "Attribution", "attribution.html", _page, group="Models"),
    ConsolePage("attribution/report", "Attribution", "attribution_report.html", _report, within="attribution"),
)
