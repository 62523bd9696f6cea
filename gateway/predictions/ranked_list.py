"""The ranked list of contacts, without those that reached the outcome meanwhile; also as a table."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import orjson

from shared.capabilities import capability as line_of
from shared.contracts.defaults import STALE_DAYS
from shared.contracts.outcome import STARTED
from shared.contracts.rows import DAY, Microseconds, instant_of
from shared.store import AccountStore, ListPlace, PredictionFilter, PredictionRow, ReachedBy, place_of

REASONS: Final = 3
COLUMNS: Final = (
    "contact_id",
    "status",
    "probability",
    "score",
    "band",
    "trend",
    *(f"reason_{number}" for number in range(1, REASONS + 1)),
    "detail",
    "source",
    "version",
    "data_quality",
    "cutoff",
    "asked_at",
    "data_quality_details",
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_BATCH: Final = 1_000
_SEARCHED_AT_ONCE: Final = 5_000
SEARCHED: Final = 20_000
"""Places of the list that a page looks through for those with an attribute."""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of the list, and where it goes on; None: it ends."""

    rows: list[PredictionRow]
    place: ListPlace | None


class AttributeValue(NamedTuple):
    """A value that contacts have now, as a person writes it."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class _Part:
    """Some rows of the list, and how many places were looked through for them."""

    rows: list[PredictionRow]
    end: ListPlace | None
    """Where the next part begins; None: the list ends."""
    looked: int = 0


def page(
    store: AccountStore,
    wanted: PredictionFilter,
    *,
    limit: int,
    after: ListPlace | None = None,
    attribute: AttributeValue | None = None,
    searched: int = SEARCHED,
) -> Page:
    """Read one page; contacts that reached the outcome after they were predicted are left out of what is `ok`.

    The worker scores them again in its next round; until then their stored prediction is out of date.

    Args:
        store: whose predictions.
        wanted: which, and in which order.
        limit: at most so many rows; fewer only at the end, or where an attribute is wanted.
        after: where the page before ended.
        attribute: only contacts with this value. A page may then hold fewer rows, also none, and still go on.
        searched: looks for them through about so many places of the list.
    """
    ending = _outcome_end(store, wanted) if wanted.status == "ok" else None
    kept: list[PredictionRow] = []
    looked = 0
    while True:
        size = max(limit, min(_BATCH, 2 * limit)) if after is None and not kept else _BATCH
        if attribute is None:
            part = _read(store, wanted, size, after)
        else:
            places = min(searched, _SEARCHED_AT_ONCE)
            part = _search(store, wanted, attribute, limit=size, searched=places, after=after)
        gone = store.predictions.reached_since(part.rows, ending) if part.rows and ending is not None else set()
        for number, row in enumerate(part.rows):
            if row.contact_id in gone:
                continue
            kept.append(row)
            if len(kept) == limit:
                ends = number + 1 == len(part.rows) and part.end is None
                return Page(kept, None if ends else place_of(row))
        looked += part.looked
        if part.end is None or (attribute is not None and looked >= searched):
            return Page(kept, part.end)
        after = part.end


def _read(store: AccountStore, wanted: PredictionFilter, size: int, after: ListPlace | None) -> _Part:
    rows = store.predictions.page(wanted, limit=size, after=after)
    return _Part(rows, None if len(rows) < size else place_of(rows[-1]))


def _search(
    store: AccountStore,
    wanted: PredictionFilter,
    attribute: AttributeValue,
    *,
    limit: int,
    searched: int,
    after: ListPlace | None,
) -> _Part:
    """Read rows of contacts with a value, at most `limit`: attributes lie in another database than predictions."""
    places = store.predictions.places(wanted, limit=searched, after=after)
    holding = store.contacts.holding([place.contact_id for place in places], *attribute)
    holders = [place for place in places if place.contact_id in holding]
    chosen = holders[:limit]
    rows = store.predictions.at(wanted, chosen) if chosen else []
    if len(places) < searched and len(holders) <= limit:
        return _Part(rows, None, len(places))
    return _Part(rows, chosen[-1] if len(chosen) == limit else places[-1], len(places))


def pages(
    store: AccountStore, wanted: PredictionFilter, *, size: int = _BATCH, attribute: AttributeValue | None = None
) -> Iterator[list[PredictionRow]]:
    """Read the whole list, page by page."""
    found = page(store, wanted, limit=size, attribute=attribute)
    yield found.rows
    while found.place is not None:
        found = page(store, wanted, limit=size, after=found.place, attribute=attribute)
        yield found.rows


def _outcome_end(store: AccountStore, wanted: PredictionFilter) -> ReachedBy | None:
    """Return which events reach the outcome: as the champion learned it, else as the outcome is defined."""
    if not line_of(wanted.capability).per_outcome:
        return None
    outcome = store.outcomes.find(wanted.capability, wanted.outcome)
    champion = store.models.champion(wanted.capability, wanted.outcome)
    version = None if champion is None else store.models.version(wanted.capability, wanted.outcome, champion.version)
    defined = () if outcome is None or outcome.repeatable else outcome.event_types
    learned = None if version is None else version.report.get("reached_by")
    types: Sequence[str] = defined if learned is None else tuple(learned)
    flag = None if outcome is None else outcome.flag
    if not types and flag is None:
        return None
    return ReachedBy(types, STARTED if wanted.capability == "churn" else (), flag)


@dataclass(frozen=True, slots=True)
class EmptyReason:
    """Why a list is empty."""

    detail: str
    by_status: dict[str, int]
    newest_event_at: Microseconds | None


def why_empty(store: AccountStore, wanted: PredictionFilter, *, now: Microseconds) -> EmptyReason:
    """Explain in counts why a list is empty, and what can be done; reads all predictions of the question."""
    counts = store.predictions.statuses(wanted.capability, wanted.outcome)
    newest = store.events.newest_at()
    total = sum(counts.values())
    if not total:
        what = "No prediction is stored: `foretell worker` fills the list once a model is promoted."
        if store.models.champion(wanted.capability, wanted.outcome) is None:
            what = "No prediction is stored, since no model is promoted for this question: train one first."
        return EmptyReason(what, counts, newest)
    if counts.get(wanted.status):
        they = f"{counts[wanted.status]:,} of {total:,} contacts are {wanted.status}"
        what = "but none fits the filters, or each of them has reached the outcome since."
        return EmptyReason(f"{they}, {what}", counts, newest)
    most = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    if len(most) == 1:
        who = f"All {total:,} contacts are {most[0][0]}"
    else:
        who = f"No contact of {total:,} is {wanted.status}: " + ", ".join(f"{count:,} {name}" for name, count in most)
    if newest is None:
        return EmptyReason(f"{who}; there are no events. {_ADVICE.get(most[0][0], '')}".strip(), counts, newest)
    at = f"the newest event is of {instant_of(newest):%Y-%m-%d}"
    stale = "Import newer events, or ask with a cutoff of that time." if newest < now - STALE_DAYS * DAY else None
    return EmptyReason(f"{who}: {at}. {stale or _ADVICE.get(most[0][0], '')}".strip(), counts, newest)


_ADVICE: Final = {
    "not_eligible": "The outcome's active_within_days says who is asked about.",
    "outcome_reached": "Everybody has reached it; list them with status=outcome_reached.",
    "no_consent": "They denied profiling.",
    "control": "They are held out; `GET /holdouts` lists by what.",
    "insufficient_data": "Import attributes or events of them.",
    "none_eligible": "`foretell messages list` says which messages run, and for whom.",
    "capped": "Caps and pauses of the messages say how much a contact gets.",
}


def cells(row: PredictionRow) -> list[str | int | float | None]:
    """Return a prediction as cells in the order of COLUMNS."""
    body: dict[str, Any] = orjson.loads(row.body)
    texts = [reason["text"] for reason in body.get("reasons", [])][:REASONS]
    return [
        row.contact_id,
        row.status,
        row.probability,
        row.score,
        row.band,
        body.get("trend"),
        *texts,
        *[None] * (REASONS - len(texts)),
        body.get("detail"),
        row.source,
        row.version,
        " ".join(body.get("data_quality", [])),
        instant_of(row.cutoff).isoformat(),
        instant_of(row.asked_at).isoformat(),
        _named(body.get("data_quality_details")),
    ]


def _named(details: dict[str, Any] | None) -> str:
    """Write the attributes behind the data quality as text.

    >>> _named({"missing_attributes": ["plan"], "out_of_range": ["age", "spend"], "missing_weight": 0.3})
    'missing_attributes: plan; out_of_range: age, spend'
    """
    listed = {code: names for code, names in (details or {}).items() if isinstance(names, list) and names}
    return "; ".join(f"{code}: {', '.join(names)}" for code, names in listed.items())


def csv_text(rows: Sequence[PredictionRow], *, header: bool = True) -> str:
    """Return rows as CSV (RFC 4180); a text that a spreadsheet would run as a formula gets a leading apostrophe."""
    target = io.StringIO()
    writer = csv.writer(target)
    if header:
        writer.writerow(COLUMNS)
    writer.writerows([_neutral(cell) for cell in cells(row)] for row in rows)
    return target.getvalue()


def _neutral(cell: str | int | float | None) -> str | int | float | None:
    """Return a cell that no spreadsheet reads as a formula.

    >>> _neutral("=1+1"), _neutral("ann"), _neutral(-1)
    ("'=1+1", 'ann', -1)
    """
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
