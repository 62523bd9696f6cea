"""Who has reached an outcome ranks highest in the model, and is still in none of the lists to call.

The services are real, their versions made by hand: the more pages somebody viewed, the higher the score, and those who
bought or left have viewed the most.
"""

import contextlib
import csv
import dataclasses
import io
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from python_calamine import CalamineWorkbook

from foretell.cli.predictions import written
from services.churn.model import ChurnModel
from services.scoring.model import ScoringModel
from services.specs import spec_of
from shared.contracts.contact import ContactInput
from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY, SECOND, AttributeRow, EventRow, Microseconds, microseconds
from shared.evaluation.calibration import Calibrator, Reference
from shared.features import Feature, FeatureSet
from shared.ingest import contact_row
from shared.learners import Logistic
from shared.serving.service import create_app
from shared.settings import ServiceSettings
from shared.store import PredictionFilter
from shared.timeline.risk import Episode
from tests.integration.churn.conftest import Open, version
from tests.integration.gateway.conftest import SIGNING_KEY

REACHED, OPEN = 100, 20
FEATURES = FeatureSet(
    (Feature("page_viewed_90d", "count", "events", "activity:page_viewed", "page_viewed", window_days=90),)
)


def scoring(outcome: Outcome, *reached_by: str) -> ScoringModel:
    learner = Logistic((0,), (np.nan,), np.zeros(1), np.ones(1), np.array([0.5]), -2.0)
    return ScoringModel(
        outcome=outcome.name,
        kind="logistic",
        grade="B",
        horizon_days=outcome.horizon_days,
        trained_at=datetime(2026, 5, 1, tzinfo=UTC),
        reached_by=reached_by,
        flag=outcome.flag,
        feature_set=FEATURES,
        learner=learner,
        calibrator=Calibrator(),
        reference=Reference.of(np.linspace(-3, 3, 200), np.zeros((200, 1))),
    )


def churn(outcome: Outcome, episode: Episode) -> ChurnModel:
    return dataclasses.replace(version(outcome.name, episode, horizon_days=60, weight=0.3), flag=outcome.flag)


@dataclass(frozen=True)
class Case:
    """One kind of outcome, and what tells that somebody has reached it."""

    outcome: Outcome
    model: Any
    event: str | None = None
    attribute: tuple[str, str] | None = None
    silent_days: int = 0
    status: str = "outcome_reached"


BOUGHT = Outcome(name="bought", capability="scoring", event_types=("order_placed",))
CONVERTED = Outcome(name="converted", capability="scoring", attribute="converted")
LEFT = Outcome(name="left", capability="churn", event_types=("subscription_cancelled",))
CLOSED = Outcome(name="closed", capability="churn", attribute="closed", positive="yes")
QUIET = Outcome(name="quiet", capability="churn", silence=("page_viewed",), active_within_days=60)
CONTRACT = Episode(("subscription_cancelled",), contractual=True, begun_by=("subscription_started",))
SILENCE = Episode(("page_viewed",), contractual=False, active_within_days=60)
CASES = [
    Case(BOUGHT, scoring(BOUGHT, "order_placed"), event="order_placed"),
    Case(CONVERTED, scoring(CONVERTED), attribute=("converted", "1")),
    Case(LEFT, churn(LEFT, CONTRACT), event="subscription_cancelled"),
    Case(CLOSED, churn(CLOSED, Episode((), contractual=True)), attribute=("closed", "yes")),
    Case(QUIET, churn(QUIET, SILENCE), silent_days=70, status="not_eligible"),
]
by_name = pytest.mark.parametrize("case", CASES, ids=lambda case: case.outcome.name)


def put(store: Any, case: Case, *, open_contacts: int, now: Microseconds) -> list[str]:
    """Write contacts that have reached the outcome, and some that have not; return all ids."""
    names = [*(f"reached-{n:03}" for n in range(REACHED)), *(f"open-{n:03}" for n in range(open_contacts))]
    rows, events = [], []
    for number, name in enumerate(names):
        reached = number < REACHED
        given = ContactInput.model_validate({"id": name, "email": f"{name}@example.com"})
        row = contact_row(given, recorded_at=now - 300 * DAY, identity_key=SIGNING_KEY.encode())
        says = ("plan", "pro") if case.attribute is None or not reached else case.attribute
        rows.append(row._replace(attributes=(AttributeRow(*says, now - 200 * DAY),)))
        kinds = [("subscription_started", 250.0)]
        kinds += [("page_viewed", 5 + day + (case.silent_days if reached else 0)) for day in range(9 if reached else 2)]
        kinds += [(case.event, 1.0)] if reached and case.event else []
        events += [EventRow(name, f"{kind}-{ago}", kind, now - int(ago * DAY), now - SECOND) for kind, ago in kinds]
    store.contacts.put(rows, recorded_at=now - 300 * DAY)
    store.events.add(events)
    store.outcomes.put(case.outcome)
    store.models.promote(case.outcome.capability, case.outcome.name, "1", "digest", at=now, reason="for the test")
    return names


@contextlib.asynccontextmanager
async def answering(gateway: Any, upstream: Any, asgi: Any, case: Case, folder: Path) -> AsyncIterator[None]:
    """Put a real service behind the gateway; what it answered is stored at its end."""

    async def fetched(*_: Any) -> Path:
        case.model.save(folder)
        return folder

    settings = ServiceSettings(home=gateway.settings.home, signing_key=SIGNING_KEY)
    app = create_app(spec_of(case.outcome.capability), settings, Open(gateway.store), fetch=fetched)  # type: ignore[arg-type]

    async def passed_on(request: web.Request) -> web.Response:
        reply = await asgi(app).send(request.method, request.path, await request.read(), request.headers)
        return web.Response(status=reply.status, body=reply.body, headers={"Content-Type": "application/json"})

    upstream.answer = passed_on
    async with app.router.lifespan_context(app):
        yield


@pytest.fixture
def more_settings() -> dict[str, Any]:
    """Time enough for the first answer of a service that has to load its version."""
    return {"request_timeout_seconds": 30.0}


@pytest.fixture
def key(gateway: Any) -> str:
    """One key for a whole test: it is looked up once, and remembered from then on."""
    return str(gateway.key(scopes=("predict", "read")))


@pytest.fixture
def asked(gateway: Any, key: str, upstream: Any, asgi: Any, tmp_path: Path) -> Callable[..., Any]:
    """Ask about everybody through the gateway, and return the statuses."""

    async def ask(case: Case, *, open_contacts: int, by_email: bool = False) -> dict[str, str]:
        names = put(gateway.store.of("acme"), case, open_contacts=open_contacts, now=microseconds(datetime.now(UTC)))
        path = "/score" if case.outcome.capability == "scoring" else "/churn-risk"
        contacts = [{"email": f"{name}@example.com"} if by_email else {"id": name} for name in names]
        payload = {"contacts": contacts, "outcome": case.outcome.name}
        async with answering(gateway, upstream, asgi, case, tmp_path / "artifact"):
            status, answer, _ = await gateway.request("POST", path, key, json=payload)
        assert status == 200, answer
        return {one["contact_id"]: one["status"] for one in answer["predictions"]}

    return ask


async def listed(gateway: Any, key: str, case: Case, query: str = "", **headers: str) -> Any:
    path = f"/predictions?capability={case.outcome.capability}&outcome={case.outcome.name}&sort=-score{query}"
    return (await gateway.request("GET", path, key, headers=headers))[1]


@by_name
async def test_nobody_who_has_reached_it_is_in_the_list_its_table_or_its_workbook(
    gateway: Any, key: str, asked: Any, case: Case, tmp_path: Path
) -> None:
    statuses = await asked(case, open_contacts=OPEN)
    still_open = {name for name in statuses if name.startswith("open")}
    assert {status for name, status in statuses.items() if name not in still_open} == {case.status}

    first_hundred = await listed(gateway, key, case, "&limit=100")
    table = await listed(gateway, key, case, Accept="text/csv")
    wanted = PredictionFilter(case.outcome.capability, case.outcome.name)
    count = written(gateway.store.of("acme"), wanted, tmp_path / "list.xlsx")
    title, *rows = CalamineWorkbook.from_path(str(tmp_path / "list.xlsx")).get_sheet_by_index(0).to_python()

    assert {one["contact_id"] for one in first_hundred["predictions"]} == still_open
    assert {row["contact_id"] for row in csv.DictReader(io.StringIO(table.decode()))} == still_open
    assert {row[title.index("contact_id")] for row in rows} == still_open
    assert count == OPEN


@by_name
async def test_a_list_of_nobody_else_is_empty_and_says_why_in_counts(
    gateway: Any, key: str, asked: Any, case: Case
) -> None:
    await asked(case, open_contacts=0)

    answer = await listed(gateway, key, case)

    assert answer["predictions"] == []
    assert answer["empty_because"]["by_status"] == {case.status: REACHED}
    assert answer["empty_because"]["detail"].startswith(f"All {REACHED} contacts are {case.status}")
    assert len((await listed(gateway, key, case, f"&status={case.status}"))["predictions"]) == REACHED


async def test_contacts_named_by_their_address_are_kept_out_as_well(gateway: Any, key: str, asked: Any) -> None:
    case = CASES[0]

    statuses = await asked(case, open_contacts=OPEN, by_email=True)

    assert statuses["reached-000"] == "outcome_reached"
    assert {one["contact_id"] for one in (await listed(gateway, key, case))["predictions"]} == {
        name for name in statuses if name.startswith("open")
    }
