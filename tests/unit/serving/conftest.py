import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from queue import Queue
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from services.scoring.capability import CAPABILITY
from services.scoring.model import ScoredOutcome
from shared.capabilities import capability
from shared.contracts.holdout import Holdout
from shared.contracts.outcome import BUILT_IN
from shared.contracts.prediction import ReasonPart
from shared.errors import ArtifactRefused, RegistryUnavailable, StoreUnavailable
from shared.serving.artifacts import RememberedRow
from shared.serving.champions import ChampionHolder
from shared.serving.metrics import ServiceMetrics
from shared.serving.service import Service
from shared.settings import ServiceSettings
from shared.store import PastsWanted, RequestReads, ShadowRow
from shared.timeline import ContactFacts, DatedValue, PastRows

KEY = "k" * 32
NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = 86_400_000_000
NOW_US = 1_780_272_000_000_000


@dataclass
class FakeModel:
    """Probability 1/(2 + events); the number of events is the one reason."""

    version: str = "7"
    kind: str = "lightgbm"
    grade: str = "A"
    horizon_days: int = 90
    trained_at: datetime = datetime(2026, 5, 20, tzinfo=UTC)
    reached_by: tuple[str, ...] = ("deal_won",)
    begun_by: tuple[str, ...] = ()
    flag: Any = None
    lookback_days: int = 730
    attribute_names: tuple[str, ...] = ()
    feature_set: Any = field(
        default_factory=lambda: SimpleNamespace(
            needs_local_time=True,
            names=("events",),
            features=(SimpleNamespace(attribute="country"),),
            event_fields=frozenset({"value"}),
        )
    )
    gate: threading.Event | None = None
    entered: threading.Event = field(default_factory=threading.Event)

    def answer(self, pasts: Any, cutoffs: np.ndarray, request: Any) -> list[Any]:
        self.entered.set()
        if self.gate is not None:
            assert self.gate.wait(10)
        counts = np.diff(pasts.columns.offsets)
        return [
            ScoredOutcome(
                probability=1 / (2 + int(count)),
                margin=float(-count),
                score=50 + min(int(count), 49),
                band="medium",
                reasons=[ReasonPart("events", float(count), -float(count), "Events")][: request.reasons_requested],
                parts={"fit": 0.0, "engagement": -float(count), "base": 0.0},
            )
            for count in counts
        ]


class FakeStore:
    def __init__(self) -> None:
        self.rows: list[RememberedRow] = []
        self.shadowing: list[ShadowRow] = []
        self.kept: Queue[Any] = Queue()
        self.facts: dict[str, ContactFacts] = {}
        self.events: list[Any] = []
        self.newest: int | None = NOW_US - DAY
        self.before: dict[str, int] = {}
        self.default: str | None = "customer"
        self.away = False
        self.log_away = False
        self.logged: list[Any] = []
        self.logged_since: list[int | None] = []
        self.erased = 0
        self.request_reads_made = 0
        self.read_as_of: list[int] = []
        self.closed = False
        self.held: dict[str, tuple[Holdout, ...]] = {}

    def of(self, account: str, *, before_commit: Callable[[], None] = lambda: None) -> "FakeAccount":
        self.reach()
        return FakeAccount(self if account == "demo" else FakeStore(), before_commit)

    def reach(self) -> None:
        pass

    def _read(self) -> None:
        if self.away:
            raise StoreUnavailable("The store is away.")

    def ping(self) -> None:
        self._read()

    def is_writable(self) -> bool:
        return not self.log_away

    def close(self) -> None:
        self.closed = True

    def champions(self) -> Sequence[RememberedRow]:
        self._read()
        return list(self.rows)

    def shadows(self) -> Sequence[ShadowRow]:
        if self.away:
            raise StoreUnavailable("The store is away.")
        return list(self.shadowing)

    def keep(self, rows: Sequence[Any], *, since: int) -> int:
        if self.log_away:
            raise StoreUnavailable("The store is away.")
        self.kept.put((list(rows), since))
        return 0

    def holdouts(self) -> dict[str, tuple[Holdout, ...]]:
        return self.held

    def request_reads(self, capability: str, outcome: str, wanted: PastsWanted, *, around: int) -> RequestReads:
        self._read()
        self.request_reads_made += 1
        self.read_as_of.append(wanted.asked_at)
        ids, since = set(wanted.contact_ids), wanted.cutoff - wanted.lookback_days * DAY
        assert len(ids) == len(wanted.contact_ids)
        before = [event for event in self.events if event[0] in ids and event[3] < wanted.cutoff]
        if "event_id" not in wanted.event_fields:
            before = [(contact_id, None, *rest) for contact_id, _, *rest in before]
        rows = PastRows(
            {name: facts for name, facts in self.facts.items() if name in ids},
            [event for event in before if event[3] >= since],
            [event for event in before if event[3] < since and event[2] in wanted.always],
        )
        scores = {name: score for name, score in self.before.items() if name in ids}
        return RequestReads(rows, self.erased, self.newest, scores)

    def outcomes(self, capability: str) -> Sequence[Any]:
        self._read()
        return [outcome for outcome in BUILT_IN if outcome.capability == capability]

    def default_outcome(self, capability: str) -> str | None:
        self._read()
        return self.default

    def event_types(self) -> Sequence[Any]:
        self._read()
        return [SimpleNamespace(type="order_placed", events=20, contacts=12, with_value=20)]

    def log(self, rows: Sequence[Any], *, since: int | None = None) -> int:
        if self.log_away:
            raise StoreUnavailable("The store is away.")
        self.logged.extend(rows)
        self.logged_since.append(since)
        return 0


class FakeAccount:
    """The subjects of a fake store."""

    def __init__(self, store: FakeStore, send_commit: Callable[[], None]) -> None:
        self.send_commit = send_commit
        self.events = SimpleNamespace(types=store.event_types)
        self.outcomes = SimpleNamespace(of=store.outcomes, default=store.default_outcome)
        self.predictions = SimpleNamespace(request_reads=store.request_reads, log=store.log)
        self.models = SimpleNamespace(shadows=SimpleNamespace(keep=store.keep))


def champion_row(version: str = "7", digest: str = "d7", **fields: Any) -> RememberedRow:
    values = {
        "account": "demo",
        "capability": "scoring",
        "outcome": "customer",
        "version": version,
        "digest": digest,
        "previous_version": None,
        "previous_digest": None,
    }
    return RememberedRow(**{**values, **fields})


def event(contact_id: str, name: str = "e1", type_: str = "email_clicked", days: float = 2.0) -> Any:
    return (contact_id, name, type_, NOW_US - int(days * DAY), None, None, None, None, 1)


Opened = Callable[..., Any]


@pytest.fixture
def row() -> Callable[..., RememberedRow]:
    return champion_row


@pytest.fixture
def store() -> FakeStore:
    store = FakeStore()
    store.rows = [champion_row()]
    store.facts = {
        "c-1": ContactFacts(NOW_US - 400 * DAY, "Europe/Paris", {}, (DatedValue("country", 0, "FR"),)),
        "c-2": ContactFacts(NOW_US - 400 * DAY, None, {}, (DatedValue("country", 0, "DE"),)),
    }
    store.events = [event("c-1"), event("c-1", "e2", days=3), event("c-2")]
    return store


@pytest.fixture
def model() -> FakeModel:
    return FakeModel()


@pytest.fixture
def settings(tmp_path: Path) -> ServiceSettings:
    return ServiceSettings(home=tmp_path, signing_key=KEY, champion_poll_seconds=3600.0)


@pytest.fixture
def running(store: FakeStore, model: FakeModel, settings: ServiceSettings, tmp_path: Path, asgi: Any) -> Opened:
    """A factory of running services; each is an async context."""

    async def here(row: Any, version: str, digest: str) -> Path:
        return tmp_path / digest

    @asynccontextmanager
    async def opened(
        *,
        load: Callable[[Path], Any] = lambda _: model,
        fetch: Callable[..., Awaitable[Path]] = here,
        unix_seconds: Callable[[], float] = lambda: 0.0,
        now: Callable[[], datetime] = lambda: NOW,
        **more: Any,
    ) -> AsyncIterator[Any]:
        spec = replace(CAPABILITY, load=load, **more)
        app = Service(spec, settings, store, now=now, fetch=fetch, unix_seconds=unix_seconds).app()
        async with app.router.lifespan_context(app):
            yield asgi(app)

    return opened


class Registry:
    """Gives a folder a digest; some are away, some hold what does not load."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.away: set[str] = set()
        self.broken: set[str] = set()
        self.fetched: list[str] = []
        self.gate: asyncio.Event | None = None

    async def fetch(self, row: Any, version: str, digest: str) -> Path:
        self.fetched.append(digest)
        if self.gate is not None:
            await self.gate.wait()
        if digest in self.away:
            raise RegistryUnavailable("away")
        folder = self.cache / digest
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def load(self, folder: Path) -> Any:
        if folder.name in self.broken:
            raise ArtifactRefused("damaged")
        if folder.name == "weird":
            raise KeyError("reference")
        return folder.name


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def metrics() -> ServiceMetrics:
    return ServiceMetrics()


@pytest.fixture
def make(store: Any, registry: Registry, clock: Clock, metrics: ServiceMetrics, tmp_path: Path) -> Any:
    def made(max_models: int = 10) -> ChampionHolder:
        return ChampionHolder(
            capability("scoring"), store, registry.load, fetch=registry.fetch, cache=tmp_path, metrics=metrics,
            poll_seconds=5.0, max_models=max_models, seconds=clock, unix_seconds=lambda: 4e9,
        )  # fmt: skip

    return made
