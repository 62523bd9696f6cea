"""A store with contacts of every sort, and a running service with versions made by hand."""

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.churn.capability import CAPABILITY
from services.churn.model import ChurnModel, ChurnReference, Periods
from shared.contracts.rows import DAY, AttributeRow, ContactRow, EventRow
from shared.evaluation.calibration import Calibrator
from shared.features import Feature, FeatureSet
from shared.learners import Logistic
from shared.serving.service import create_app
from shared.settings import ServiceSettings
from shared.store import AccountStore, Database, open_database
from shared.timeline.risk import Episode

NOW = datetime(2026, 6, 1, tzinfo=UTC)
NOW_US = 1_780_272_000_000_000
PERIODS = Periods((7.0, 30.0, 90.0))
FEATURES = FeatureSet(
    (
        Feature("page_viewed_90d", "count", "events", "activity:page_viewed", "page_viewed", window_days=90),
        Feature("plan", "categorical", "category", "attribute:plan", attribute="plan", categories=("basic", "pro")),
    )
)


def version(outcome: str, episode: Episode, *, horizon_days: int, weight: float) -> ChurnModel:
    """Who views more pages leaves later, and comes back sooner; the basic plan pulls the other way."""
    learner = Logistic((0, 1), (np.nan, 0.0), np.zeros(2), np.ones(2), np.array([weight, -weight]), 0.0)
    hazards = np.cumsum(np.tile(np.linspace(0.01, 1, 99), (3, 1)), axis=0)
    return ChurnModel(
        outcome=outcome,
        kind="logistic",
        grade="B",
        horizon_days=horizon_days,
        trained_at=datetime(2026, 5, 1, tzinfo=UTC),
        episode=episode,
        feature_set=FEATURES,
        learner=learner,
        calibrator=Calibrator(),
        base=np.array([-2.5, -1.5, -0.5]),
        periods=PERIODS,
        seasonal=False,
        reference=ChurnReference(hazards, np.array([0.1, 0.3, 0.6]), np.zeros((2, 9)), np.zeros((2, 11))),
        value_types=("order_placed",),
    )


LEFT = version(
    "left",
    Episode(("subscription_cancelled",), contractual=True, begun_by=("subscription_started",)),
    horizon_days=30,
    weight=-0.3,
)
QUIET = version(
    "quiet", Episode(("page_viewed",), contractual=False, active_within_days=60), horizon_days=30, weight=0.3
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> ServiceSettings:
    return ServiceSettings(home=tmp_path_factory.mktemp("home"), signing_key="k" * 32)


@pytest.fixture(scope="module")
def database(settings: ServiceSettings, migrated_files: Path) -> Iterator[Database]:
    shutil.copytree(migrated_files, settings.home, dirs_exist_ok=True)
    database = open_database(settings)
    yield database
    database.close()


def event(contact_id: str, kind: str, days: float, value: float | None = None) -> EventRow:
    at = NOW_US - int(days * DAY)
    return EventRow(contact_id, f"{kind}-{at}", kind, at, NOW_US, value)


@pytest.fixture(scope="module")
def store(database: Database) -> AccountStore:
    """Contacts of every sort, and a champion of each outcome."""
    database.create_account("demo", created_at=0)
    store = database.of("demo")
    plan = (AttributeRow("plan", "pro", 0),)
    store.contacts.put_bulk(
        [
            ContactRow("member", NOW_US - 400 * DAY, attributes=plan),
            ContactRow("left", NOW_US - 400 * DAY, attributes=plan),
            ContactRow("returned", NOW_US - 400 * DAY, attributes=plan),
            ContactRow("never-began", NOW_US - 400 * DAY, attributes=plan),
            ContactRow("bare", NOW_US - 400 * DAY),
            ContactRow("newborn", NOW_US - DAY // 2, attributes=plan),
            ContactRow("busy", NOW_US - 400 * DAY, attributes=plan),
            ContactRow("silent", NOW_US - 400 * DAY, attributes=plan),
            ContactRow("faithful", NOW_US - 900 * DAY, attributes=plan),
        ],
        recorded_at=NOW_US,
    )
    started = {"member": 399, "left": 399, "returned": 399, "newborn": 0.4, "busy": 399, "silent": 399}
    store.events.add_bulk(
        [
            *(event(name, "subscription_started", days) for name, days in started.items()),
            *(event(name, "page_viewed", 9) for name in ("member", "left", "returned", "never-began")),
            event("member", "order_placed", 100, 73.0),
            event("left", "subscription_cancelled", 20),
            event("returned", "subscription_cancelled", 20),
            event("returned", "subscription_started", 2),
            event("newborn", "page_viewed", 0.25),
            event("silent", "page_viewed", 61),
            event("faithful", "subscription_started", 900),
            event("faithful", "page_viewed", 9),
            *(event("busy", "page_viewed", (n + 1) / 60) for n in range(20_000)),
        ]
    )
    for name in ("left", "quiet"):
        store.models.promote("churn", name, "1", name, at=NOW_US, reason="for the test")
    return store


class Open:
    """A store that stays open when a service ends."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def __getattr__(self, name: str) -> Any:
        return getattr(self.database, name)

    def close(self) -> None:
        pass


@pytest.fixture
def running(settings: ServiceSettings, database: Database, store: AccountStore, tmp_path: Path, asgi: Any) -> Any:
    async def here(row: Any, version: str, digest: str) -> Path:
        folder = tmp_path / digest
        {"left": LEFT, "quiet": QUIET}[digest].save(folder)
        return folder

    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        app = create_app(CAPABILITY, settings, Open(database), now=lambda: NOW, fetch=here)  # type: ignore[arg-type]
        async with app.router.lifespan_context(app):
            yield asgi(app)

    return opened
