"""One synthetic account, and every capability of the table trained on it and served.

A new capability gets all checks of this folder by its line in the table: what differs between capabilities is read
from the spec that each declares.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.specs import recipe_of, spec_of
from shared.capabilities import TABLE, Capability
from shared.contracts.decision import DecisionRow
from shared.contracts.rows import DAY, AttributeRow, ContactRow, EventRow
from shared.registry.fetch import artifacts
from shared.registry.registration import MlflowRegistry
from shared.serving.capability_spec import AnySpec
from shared.serving.service import create_app
from shared.settings import ServiceSettings
from shared.store import Database, MessageChange, message_variants, migrate, open_database
from shared.training.recipe import train

NOW = datetime(2026, 6, 1, tzinfo=UTC)
NOW_US = 1_780_272_000_000_000
CONTACTS = 140
ITEMS = 20
DAYS = 110
SALT = "1" * 32
"""By it few contacts that tests ask about are in the control group of messages, and no stranger is."""
MESSAGES = ("message-a", "message-b", "message-c")
OUTCOMES = {line.name: outcome for line in TABLE if (outcome := spec_of(line.name).training.example_outcome)}
"""What each capability that is asked about outcomes is trained for."""


@dataclass(frozen=True)
class Subject:
    """A capability with a trained champion."""

    capability: Capability
    settings: ServiceSettings
    database: Database
    outcome: str | None
    version: str = ""
    model: Any = None
    folder: Path = Path()

    @property
    def spec(self) -> AnySpec:
        return spec_of(self.capability.name)

    @property
    def name(self) -> tuple[str, str]:
        return self.capability.name, self.outcome or ""

    def trained(self, account: str = "demo") -> Any:
        recipe = recipe_of(self.spec)
        outcome = OUTCOMES[self.capability.name] if self.capability.per_outcome else None
        return train(recipe, self.database.of(account), MlflowRegistry.of(self.settings), outcome, now=NOW_US)

    def asked(self, *contacts: Any, **fields: Any) -> dict[str, Any]:
        named = {} if self.outcome is None else {"outcome": self.outcome}
        listed = [{"id": c} if isinstance(c, str) else c for c in contacts]
        return self.capability.harmless_request({"contacts": listed, **named, **fields})

    def predicted(self, pasts: Any, cutoffs: np.ndarray, *, reasons: int, model: Any = None) -> Any:
        """Call the model as the service does."""
        request = self.spec.request.model_validate(self.asked(*pasts.contact_ids, reasons=reasons))
        return (model or self.model).answer(pasts, cutoffs, request)


def _events(draw: np.random.Generator, contact: str, eagerness: float) -> list[EventRow]:
    rows = []
    start = NOW_US - DAYS * DAY
    for day in range(DAYS):
        daily = {"email_sent": 0.2, "page_viewed": 0.25 * eagerness, "email_clicked": 0.1 * eagerness}
        for kind, chance in daily.items():
            if draw.random() < chance:
                rows.append(_row(draw, contact, kind, start + day * DAY))
        if rows and rows[-1].type == "email_clicked" and draw.random() < 0.3 * eagerness:
            rows.append(_row(draw, contact, "order_placed", rows[-1].occurred_at + 2 * DAY))
    return [row for row in rows if row.occurred_at < NOW_US]


def _decisions(draw: np.random.Generator) -> list[DecisionRow]:
    """A message a month to everybody, by equal chances."""
    return [
        DecisionRow(
            decision_id=f"d-{month}-{number}",
            contact_id=f"c-{number}",
            outcome="clicked",
            slot="",
            campaign_id="",
            message_id=str(draw.choice(MESSAGES)),
            arm="imported",
            propensity=1 / len(MESSAGES),
            candidates=MESSAGES,
            version="",
            decided_at=NOW_US - (20 + 30 * month) * DAY,
        )
        for number in range(CONTACTS)
        for month in range(4)
    ]


def _row(draw: np.random.Generator, contact: str, kind: str, day: int) -> EventRow:
    at = day + int(draw.integers(0, DAY))
    value = float(draw.integers(10, 90)) if kind == "order_placed" else None
    number = int(draw.integers(1 << 60))
    item = f"item-{number % ITEMS}" if kind == "order_placed" else None
    return EventRow(contact, f"e{number}", kind, at, NOW_US - DAY, value, item=item)


def _treatment(draw: np.random.Generator, contact: str) -> EventRow:
    """Assign a contact to an arm of a test, by lot."""
    at = NOW_US - int(draw.integers(20, 60)) * DAY
    arm = str(draw.choice(["control", "mail"]))
    return EventRow(contact, "treatment", "treatment_assigned", at, NOW_US - DAY, 0.5, item=arm)


@pytest.fixture(scope="session")
def account(
    tmp_path_factory: pytest.TempPathFactory, with_registry: Callable[[Path], Path]
) -> Iterator[tuple[ServiceSettings, Database]]:
    settings = ServiceSettings(home=with_registry(tmp_path_factory.mktemp("contract")), signing_key="k" * 32)
    migrate(settings)
    database = open_database(settings)
    database.create_account("demo", created_at=NOW_US - DAYS * DAY)
    store = database.of("demo")
    draw, lot = np.random.default_rng(11), np.random.default_rng(12)
    rows: list[EventRow] = []
    contacts = []
    for number in range(CONTACTS):
        eagerness = float(draw.choice([0.2, 1.0, 2.0]))
        country = str(draw.choice(["FR", "DE", "US"]))
        zone = "Europe/Paris" if number % 3 else None
        created_at = NOW_US - (DAYS + 1) * DAY
        facts = (AttributeRow("country", country, created_at),)
        contacts.append(ContactRow(f"c-{number}", created_at, zone, None, None, facts))
        rows += [*_events(draw, f"c-{number}", eagerness), _treatment(lot, f"c-{number}")]
    store.contacts.put(contacts, recorded_at=NOW_US - DAY)
    store.events.add_bulk(rows)
    with pytest.MonkeyPatch.context() as patch:  # who is in the control group is the same in every run
        patch.setattr(message_variants.secrets, "token_hex", lambda count: SALT[: 2 * count])
        store.experiments.messages.put([MessageChange(name, {}) for name in MESSAGES], at=NOW_US - DAYS * DAY)
    store.experiments.decisions.add_imported(_decisions(draw))
    for outcome in OUTCOMES.values():
        store.outcomes.put(outcome)
    yield settings, database
    database.close()


@pytest.fixture(scope="session", params=TABLE, ids=lambda line: line.name)
def subject(request: pytest.FixtureRequest, account: tuple[ServiceSettings, Database]) -> Subject:
    line: Capability = request.param
    settings, database = account
    untrained = Subject(line, settings, database, OUTCOMES[line.name].name if line.per_outcome else None)
    published = untrained.trained()
    version, digest = published.version, published.digest
    if not published.promoted:
        database.of("demo").models.promote(*untrained.name, version, digest, at=NOW_US, reason="for the checks")
    folder = artifacts(
        MlflowRegistry.of(settings), "demo", *untrained.name, version=version, digest=digest, into=settings.cache_folder
    )
    return replace(untrained, version=version, model=untrained.spec.load(folder), folder=folder)


@pytest.fixture(scope="session")
def refusing(account: tuple[ServiceSettings, Database]) -> str:
    """An account with the same contacts and events, of whom everybody denied profiling."""
    _, database = account
    database.create_account("refusing", created_at=NOW_US - DAYS * DAY)
    store, model = database.of("refusing"), database.of("demo")
    denied = {"profiling": "denied"}
    contacts = [ContactRow(f"c-{number}", NOW_US - DAYS * DAY, consent=denied) for number in range(CONTACTS)]
    store.contacts.put(contacts, recorded_at=NOW_US - DAY)
    for part in model.pasts.scan_events():
        store.events.add_bulk([EventRow(*row[:4], NOW_US - DAY, row[4]) for row in part])
    for outcome in OUTCOMES.values():
        store.outcomes.put(outcome)
    return "refusing"


Opened = Callable[..., AbstractAsyncContextManager[Any]]


class Open:
    """A store that stays open when a service ends."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def __getattr__(self, name: str) -> Any:
        return getattr(self.database, name)

    def close(self) -> None:
        pass


@pytest.fixture
def opened(subject: Subject, asgi: Any) -> Opened:
    """A factory of running services; each is an async context that gives a client."""

    @asynccontextmanager
    async def running(**parts: Any) -> AsyncIterator[Any]:
        store = parts.pop("store", Open(subject.database))
        app = create_app(subject.spec, subject.settings, store, now=lambda: NOW, **parts)
        async with app.router.lifespan_context(app):
            yield asgi(app)

    return running
