"""The merged document against the real gateway and the real services: no 5xx, and no answer that it does not tell.

Every operation of the document is asked with what fits it and with what does not; a new route is covered by being in
the document. To repeat one: pytest tests/contract/test_schemathesis.py -k 'PATCH and segments'. The failure shows the
request as curl and the answer. The tests of every day leave out most cases of one kind, and draw one by chance; the
full run asks them all.
"""

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import schemathesis
import uvicorn
from fastapi import FastAPI
from pydantic import Field
from schemathesis.config import SchemathesisConfig
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.generation.hypothesis.reporting import ignore_hypothesis_output
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.python._constants.orchestrator import make_constants_value_source
from schemathesis.specs.openapi import checks

from gateway.app import create_app
from services.specs import spec_of
from shared.capabilities import TABLE
from shared.contracts.call import new_key
from shared.contracts.rows import SECOND, AttributeRow, ContactRow, EventRow
from shared.errors import RegistryUnavailable
from shared.serving.service import create_app as create_service
from shared.settings import GatewaySettings, ServiceSettings
from shared.store import AccountStore, Database, PredictionRow, VersionRow, migrate, open_database
from tests.socket_server import listening

SECRET = "a secret of the tests, long enough"
LONG_AGO = 1_750_000_000 * SECOND
EXAMPLES, MANY_EXAMPLES = 1, 400
EACH = 64
"""Of the cases of one kind that an operation is asked every day: the first, then each sixty-fourth. A wrong type of
each field of each object makes thousands that end in the same lines of ours."""
WORDS_OF_PYTHON = re.compile(
    "valid (list|tuple|set|dict)|(List|Tuple|Dictionary) should|[Dd]atetime|instance of|be None"
)
PUBLISHED = json.loads((Path(__file__).parent / "openapi" / "gateway.json").read_text())
OPERATIONS = sorted(f"{method.upper()} {path}" for path, methods in PUBLISHED["paths"].items() for method in methods)


def no_server_error(_: schemathesis.CheckContext, response: schemathesis.Response, __: schemathesis.Case) -> None:
    """Refuse any 5xx, but that a model is being loaded: the one of these tests has no artifact."""
    if response.status_code >= 500 and response.json().get("code") != "model-not-ready":
        raise AssertionError(f"{response.status_code}: {response.text}")


def no_word_of_python(_: schemathesis.CheckContext, response: schemathesis.Response, __: schemathesis.Case) -> None:
    """Refuse a mistake told in words that a client of another language does not know."""
    if 400 <= response.status_code < 500 and response.content:
        told = [entry["detail"] for entry in response.json().get("errors", ())]
        if any(WORDS_OF_PYTHON.search(detail) for detail in told):
            raise AssertionError(f"{response.status_code}: {told}")


CHECKS = [
    no_server_error,
    no_word_of_python,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.ignored_auth,
    checks.unsupported_method,
    checks.allow_header_conformance,
]
CHECKS_OF_METHODS = (checks.unsupported_method, checks.allow_header_conformance)
WIDE = (
    "/contacts/{contact_id}/",
    "/contacts/delete",
    "/contacts/search",
    "/deliveries/replay",
    "/messages/decisions",
    "/outcomes/preview",
    "/segments/moves",
    *(prefix for line in TABLE for prefix in line.prefixes),
)
"""Paths that say nothing of methods: ids may hold slashes or be our words; a service knows what lies below its own."""


class Placed(GatewaySettings):
    """A gateway whose services lie wherever a port was free."""

    ports: dict[str, int] = Field(default_factory=dict)

    def upstream_of(self, name: str) -> str:
        """Return the address of a service."""
        return f"http://127.0.0.1:{self.ports[name]}"


@dataclass(frozen=True)
class Running:
    """A gateway on a socket, and a key that may do everything."""

    url: str
    key: str
    session: requests.Session
    """Its connections stay open: a new one for each of thousands of requests takes longer than the answer."""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    settings = GatewaySettings(signing_key=SECRET, identity_key=SECRET)
    document: dict[str, Any] = json.loads(json.dumps(create_app(settings).openapi()))
    return document


@pytest.fixture(scope="module")
def few(document: dict[str, Any]) -> Any:
    return schema_of(document, EXAMPLES)


@pytest.fixture(scope="module")
def many(document: dict[str, Any]) -> Any:
    return schema_of(document, MANY_EXAMPLES)


def schema_of(document: dict[str, Any], examples: int) -> Any:
    config = SchemathesisConfig.from_dict(
        {"generation": {"max-examples": examples, "deterministic": True, "database": "none", "no-shrink": False}}
    )
    return schemathesis.openapi.from_dict(document, config=config)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_answer_is_one_that_the_document_describes(operation: str, few: Any, running: Running) -> None:
    ask_all(few, operation, running, chosen=Some().includes)


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_answer_is_one_that_the_document_describes_at_length(operation: str, many: Any, running: Running) -> None:
    ask_all(many, operation, running)


def test_the_operations_here_are_those_of_the_document(few: Any) -> None:
    assert sorted(one.ok().label for one in few.get_all_operations()) == OPERATIONS


class Some:
    """Chooses some cases of each kind, those made for one scenario; those that belong to none are all chosen."""

    def __init__(self) -> None:
        self._seen = Counter[str]()

    def includes(self, case: schemathesis.Case) -> bool:
        """Whether a case is one of those chosen."""
        scenario = getattr(case.meta.phase.data, "scenario", None) if case.meta else None
        if scenario is None:
            return True
        number = self._seen[scenario]
        self._seen[scenario] += 1
        return number % EACH == 0


def test_some_cases_of_each_kind_are_chosen() -> None:
    def case(scenario: str | None) -> Any:
        return SimpleNamespace(meta=SimpleNamespace(phase=SimpleNamespace(data=SimpleNamespace(scenario=scenario))))

    some = Some()
    assert [number for number in range(150) if some.includes(case("incorrect_type"))] == [0, 64, 128]
    assert some.includes(case("null_value"))
    assert all(some.includes(case(None)) for _ in range(20))


def ask_all(
    schema: Any, operation: str, running: Running, *, chosen: Callable[[schemathesis.Case], bool] | None = None
) -> None:
    """Ask one operation: its requests are made here, not while tests are listed, which each worker does for all.

    Args:
        chosen: whether a case is asked; one that is not is left out before it becomes an example of the test.
    """

    def asking(case: schemathesis.Case) -> None:
        ask(case, running)

    if chosen is not None:
        schema.hooks.apply(lambda _, case: chosen(case), name="filter_case")(asking)
    method, _, path = operation.partition(" ")
    test = build_operation_test(
        config=schema.config,
        operation=schema[path][method],
        test_func=asking,
        given_kwargs={},
        feedback=FeedbackSources(constants_value_source=make_constants_value_source(schema)),
    )
    with ignore_hypothesis_output():
        test()


def ask(case: schemathesis.Case, running: Running) -> None:
    wanted = [one for one in CHECKS if not (case.operation.path.startswith(WIDE) and one in CHECKS_OF_METHODS)]
    key = {"Authorization": f"Bearer {running.key}"}
    case.call_and_validate(running.url, running.session, headers=key, checks=wanted, timeout=30)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("schemathesis")
    services = ServiceSettings(home=home, signing_key=SECRET)
    migrate(services)
    with ExitStack() as stack:
        database = open_database(services)
        stack.callback(database.close)
        key = filled(database)
        ports = {line.name: stack.enter_context(served(service(line.name, services))) for line in TABLE}
        settings = Placed(
            home=home,
            signing_key=SECRET,
            identity_key=SECRET,
            ports=ports,
            limits_calls=0,
            limits_contacts=0,
            limits_failures=0,
        )
        port = stack.enter_context(served(create_app(settings)))
        session = stack.enter_context(requests.Session())
        session.trust_env = False
        session.headers = {}
        yield Running(f"http://127.0.0.1:{port}", key, session)


def service(name: str, settings: ServiceSettings) -> FastAPI:
    app: FastAPI = create_service(spec_of(name), settings, fetch=no_artifact)
    return app


async def no_artifact(*_: Any) -> Path:
    """Answer for the registry: to look there takes a process that loads MLflow."""
    raise RegistryUnavailable("There is none.")


def filled(database: Database) -> str:
    """Make an account that has something to show for every route, and a key to it."""
    database.create_account("demo", created_at=LONG_AGO)
    store = database.of("demo")
    attributes = (AttributeRow("country", "FR", LONG_AGO),)
    store.contacts.put([ContactRow("c-42", LONG_AGO, attributes=attributes)], recorded_at=LONG_AGO)
    store.events.add([EventRow("c-42", "e-1", "order_placed", LONG_AGO, LONG_AGO, 49.9)])
    segments(store)
    key = new_key()
    store.keys.create("test", ("admin",), public_id=key.public_id, digest=key.digest, created_at=LONG_AGO)
    return key.text


def segments(store: AccountStore) -> None:
    one = {
        "id": "s3",
        "name": "Regulars",
        "description": "All of them.",
        "share": 1.0,
        "size": 1,
        "value_per_contact": None,
        "value_share": None,
        "traits": [],
        "micro_segments": [],
    }
    report = {"segments": [one]}
    store.models.add(VersionRow("segmentation", "", "1", "d" * 64, "kmeans", "B", LONG_AGO, None, "run", report=report))
    store.models.promote("segmentation", "", "1", "d" * 64, at=LONG_AGO, reason="first")
    body = json.dumps({"membership": 1.0, "previous_segment": None, "moved_at": None})
    store.predictions.log(
        [
            PredictionRow(
                "c-42", "segmentation", "", "1", LONG_AGO, LONG_AGO, "r", "ok", None, None, None, "model", body, "s3"
            )
        ]
    )


class QuietServer(uvicorn.Server):
    """Leaves the signals to pytest."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def served(app: FastAPI) -> Iterator[int]:
    """Serve an app from a thread; gives its port."""
    listener = listening()
    server = QuietServer(
        uvicorn.Config(app, log_config=None, ws="none", timeout_graceful_shutdown=1, timeout_keep_alive=3_600)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(60)
        listener.close()
