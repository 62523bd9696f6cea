"""What all tests may use: a client that calls an ASGI app in this process, and an account whose truth is known."""

import gc
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import coverage
import numpy as np
import pytest
import typer.testing
from _pytest.doctest import DoctestModule
from _pytest.unraisableexception import gc_collect_iterations_key
from hypothesis import settings

from shared.contracts.call import CALL_HEADER, Call, SignedContent, signed
from shared.contracts.rows import ALWAYS, DAY, Microseconds
from shared.registry.registration import MlflowRegistry
from shared.settings import Settings
from shared.store import migrate
from shared.timeline import ContactFacts, EventTuple, Pasts, build
from shared.timeline.past_rows import DatedValue
from tests.compiling import begin_elsewhere
from tests.distribution import OneWaits
from tests.once import once
from tests.pictures import draw_where_looked_at
from tests.statements import compile_once

KEY = "k" * 32

# The runner makes all commands again for each line that a test types: 14 ms, more than most lines take.
typer.testing._get_command = cache(typer.testing._get_command)

QUICK_EXAMPLES, THOROUGH_EXAMPLES = 40, 200
MEMORY = Path("/dev/shm")  # noqa: S108 - folders of a run there are nobody else's
MEMORY_BYTES = 4_000_000_000
"""A run of all tests leaves a fifth of it behind."""
BROWSER = Path(__file__).parent / "browser"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of tests/browser: here, since pytest asks for them before it reads that folder."""
    console = parser.getgroup("console")
    console.addoption("--screenshots", type=Path, help="folder for pictures of every page of the console")
    console.addoption("--demo-home", type=Path, help="home of `foretell demo` that is copied instead of training")


def pytest_configure(config: pytest.Config) -> None:
    """Let properties look at fewer examples where the slow tests are left out; a pause of a machine fails none."""
    begin_elsewhere(config)
    _keep_files_in_memory()
    compile_once()
    config.pluginmanager.register(Examples())
    config.stash[gc_collect_iterations_key] = 1  # CPython finds with one what others need five for, a second each
    most = QUICK_EXAMPLES if config.option.markexpr == "not slow" else THOROUGH_EXAMPLES
    settings.register_profile("foretell", settings.default, max_examples=most, deadline=None)
    settings.load_profile("foretell")


def _keep_files_in_memory() -> None:
    """Let folders of tests lie in memory where it is large: the store waits for the disk at each of its commits.

    Nothing is proven less: no test takes the power from a disk. TMPDIR says where else they are to lie.
    """
    if "TMPDIR" in os.environ or not MEMORY.is_dir():
        return
    there = os.statvfs(MEMORY)
    if there.f_bavail * there.f_frsize >= MEMORY_BYTES and not there.f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)  # the processes of tests inherit it


@dataclass
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Calls an ASGI app in this process, signed like the gateway would."""

    def __init__(self, app: Any, state: Mapping[str, Any] | None = None) -> None:
        self.app = app
        self.state = state or {}
        """What the lifespan of the app yields: a server hands it to each request."""

    async def send(
        self, method: str, path: str, body: bytes | Sequence[bytes] = b"", headers: Mapping[str, str] | None = None
    ) -> Reply:
        chunks = [body] if isinstance(body, bytes) else list(body)
        left = [
            {"type": "http.request", "body": chunk, "more_body": place + 1 < len(chunks)}
            for place, chunk in enumerate(chunks)
        ]
        sent: list[Any] = []

        async def receive() -> Any:
            return left.pop(0) if left else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8001),
            "state": {**self.state},
        }
        await self.app(scope, receive, send)
        start = next(message for message in sent if message["type"] == "http.response.start")
        content = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
        return Reply(start["status"], {name.decode(): value.decode() for name, value in start["headers"]}, content)

    def signed(self, method: str, path: str, body: bytes = b"", **call: Any) -> str:
        """Sign a call by the clock of the service."""
        now = self.app.state.service.unix_seconds()
        fields = {"account": "demo", "scopes": ("predict",), "request_id": "r-1", "deadline_at": 4e9, **call}
        return signed(Call(**fields), SignedContent(method, path.encode(), body), KEY.encode(), now=now)

    async def get(self, path: str, **headers: str) -> Reply:
        return await self.send("GET", path, headers=headers)

    async def post(self, path: str, payload: Any, *, account: str = "demo", **call: Any) -> Reply:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        header = self.signed("POST", path, body, account=account, **call)
        return await self.send("POST", path, body, {CALL_HEADER: header})


@pytest.fixture(scope="session")
def asgi() -> type[Client]:
    """The client; `asgi(app)` calls an app."""
    return Client


def _empty_registry(home: Path) -> None:
    with MlflowRegistry.of(Settings(home=home)).connected() as client:
        client.search_experiments()


@pytest.fixture(scope="session")
def with_registry(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Put an empty registry into a home, and return that; MLflow takes more than a second to make its tables."""
    made = once(tmp_path_factory, "empty-registry", _empty_registry)

    def put(home: Path) -> Path:
        for file in made.glob("*.sqlite"):
            shutil.copy(file, home)
        return home

    return put


@pytest.fixture(scope="session")
def migrated_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both SQLite files, migrated once: to copy them takes a hundredth of the time."""
    return once(tmp_path_factory, "migrated-files", lambda home: migrate(Settings(home=home)))


@dataclass
class World:
    """A simulated account: visits come at a contact's own rate, a deal at a constant hazard that depends on it."""

    facts: dict[str, ContactFacts]
    rows: list[EventTuple]
    hazard: np.ndarray
    """Deals per day of each contact."""
    until: Microseconds

    @property
    def pasts(self) -> Pasts:
        return build(list(self.facts), self.facts, [self.rows])

    def truth(self, contact: np.ndarray, days: int) -> np.ndarray:
        """The chance of a deal within so many days, at any cutoff before it: a constant hazard has no memory."""
        return -np.expm1(-self.hazard[contact] * days)

    @property
    def contacts(self) -> Any:
        """As a store's: what training reads."""
        return SimpleNamespace(scan=lambda: (list(self.facts), self.facts))

    @property
    def events(self) -> Any:
        return SimpleNamespace(scan=lambda: [self.rows])


WORLD_STARTS: Microseconds = 1_700_000_000_000_000


def _simulated(contacts: int = 500, days: int = 360, *, seed: int = 0, signal: bool = True) -> World:
    generator = np.random.default_rng(seed)
    eagerness = np.exp(0.8 * generator.normal(size=contacts))
    pro = generator.random(contacts) < 0.4
    hazard = 0.0008 * eagerness * np.where(pro, 3.0, 1.0) if signal else np.full(contacts, 0.002)
    deal_on = generator.exponential(1 / hazard)
    facts, rows = {}, []

    def event(contact_id: str, kind: str, day: float) -> EventTuple:
        at = WORLD_STARTS + int(day * DAY)
        return (contact_id, f"{kind}-{at}", kind, at, None, None, None, None, None)

    for number in range(contacts):
        contact_id = f"c{number:04d}"
        plan = DatedValue("plan", ALWAYS, "pro" if pro[number] else "basic")
        facts[contact_id] = ContactFacts(created_at=WORLD_STARTS, attributes=(plan,))
        visits = generator.uniform(0, days, generator.poisson(0.2 * eagerness[number] * days))
        rows.extend(event(contact_id, "page_viewed", day) for day in visits)
        if deal_on[number] < days:
            rows.append(event(contact_id, "deal_won", deal_on[number]))
    return World(facts, rows, hazard, WORLD_STARTS + days * DAY)


@pytest.fixture(scope="session")
def simulated() -> Callable[..., World]:
    """Make a world: `simulated(contacts, days, seed=..., signal=...)`."""
    return _simulated


class Examples:
    """Leaves out the files of the product without examples: to look through them takes each worker a second."""

    def pytest_ignore_collect(self, collection_path: Path, config: pytest.Config) -> bool | None:
        is_product = collection_path.suffix == ".py" and config.rootpath / "tests" not in collection_path.parents
        return True if is_product and b">>> " not in collection_path.read_bytes() else None


@pytest.hookimpl(wrapper=True)
def pytest_collect_file() -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Look for examples in the product alone."""
    return [one for one in (yield) if not isinstance(one, DoctestModule)]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the folder of which every test is slow: each worker would load what drives a browser."""
    return True if collection_path == BROWSER and config.option.markexpr == "not slow" else None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Collector, obj: object) -> Generator[None, Any, Any]:
    """Leave out what is slow before it becomes items: to make those of the API document takes seconds."""
    made = yield
    marks = getattr(obj, "pytestmark", None)
    slow = isinstance(marks, list) and any(mark.name == "slow" for mark in marks)
    return [] if slow and collector.config.option.markexpr == "not slow" else made


UNTRACED = ("architecture", "quality", "training", "contract")
"""Folders whose tests run at length what others run too: to count it takes a third of the time, and adds 0.3 %.

What loads a module only when it runs cannot be here: the module would be loaded uncounted."""


@contextmanager
def _uncounted(measured: coverage.Coverage | None) -> Iterator[None]:
    """Let code run without its lines being counted, which takes as long again as to run it.

    What is left out can only make the floor harder to reach.
    """
    if measured is None:
        yield
        return
    measured.stop()
    try:
        yield
    finally:
        measured.start()


def _folder(item: pytest.Item) -> str:
    """Return the folder below `tests` that an item lies in."""
    top, *parts = item.path.relative_to(item.config.rootpath).parts
    return parts[0] if top == "tests" else ""


_counted: set[str] = set()
"""The integration tests of which this worker has counted one variant."""


def _is_counted(item: pytest.Item) -> bool:
    """Whether to count what a test runs: of an integration test the first variant only.

    The others run the same lines on another database or with another account, and add 0.4 %.
    """
    folder, function = _folder(item), item.nodeid.partition("[")[0]
    if folder in UNTRACED or function in _counted:
        return False
    if folder == "integration":
        _counted.add(function)
    return True


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    draw_where_looked_at(_folder(item))
    measured = None if _is_counted(item) else coverage.Coverage.current()
    with _uncounted(measured):
        return (yield)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Count nothing in the process that only hands out the tests."""
    measured = coverage.Coverage.current()
    if measured is not None and session.config.pluginmanager.has_plugin("dsession"):
        measured.stop()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """List the tests; what the modules do when they are loaded is counted in one worker only.

    The collector of garbage is kept from going through the libraries and the list of tests again and again.
    """
    first = os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0"
    gc.disable()
    with _uncounted(None if first else coverage.Coverage.current()):
        return (yield)


def pytest_collection_finish() -> None:
    """Collect garbage again, and never look at what is there for good."""
    gc.freeze()
    gc.enable()


WAITING = ("tests/e2e/", "tests/browser/", "tests/integration/foretell/")
"""Files below wait for processes more than they compute."""
TOGETHER = {
    "tests/contract/test_registry_tables.py": "tests/contract/test_every_capability.py",
    "tests/contract/test_wire.py": "tests/contract/test_every_capability.py",
}
"""They look at models of all capabilities: another worker would make them again."""
LONGEST_FIRST = ("e2e", "browser", "quality", "training", "integration", "contract")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the folders whose files take longest, so that all workers end together; in each, in one order.

    Before pytest puts together, over files, what has the same parameter of the session: a model of each capability.
    """
    places = {folder: place for place, folder in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: (places.get(_folder(item), len(places)), item.path))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneWaits | None:
    """Give out files so that one worker waits for processes while the others compute."""
    return OneWaits(config, log, WAITING, TOGETHER) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture
def within_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the minute of the rate limits from ending in the middle of a test."""
    monkeypatch.setattr("gateway.rate_limits.unix_seconds", lambda: 1_700_000_030.0)
