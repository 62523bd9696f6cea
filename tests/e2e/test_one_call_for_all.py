"""One call for all capabilities, on the real gateway and on some of its services: the others are away."""

import json
import os
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from shared.capabilities import NAMES, TABLE
from shared.settings import service_port
from tests.e2e.golden_home import golden_home
from tests.e2e.installation import forked, free_ports, until

RUNNING = ("scoring", "segmentation")
PATHS = {line.name: line.path for line in TABLE}
OPTIONS = {"scoring": {"outcome": "customer"}}
CUTOFF = "2026-06-01T00:00:00Z"
CONTACTS = [
    {
        "id": "c-1",
        "attributes": {"country": "FR"},
        "events": [{"id": "e-1", "type": "order_placed", "occurred_at": "2026-05-03T10:15:00Z", "value": 49.9}],
    },
    {"id": "nobody"},
    {"id": "c-2", "attributes": {"country": ["not", "a", "scalar"]}},
]


@dataclass
class Partly:
    """An installation of which some services do not run."""

    url: str
    key: str

    def post(self, path: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json", "X-Request-Id": "r-1"}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310 - our own gateway
            return json.load(answer)


@contextmanager
def started(home: Path, first: int, *words: str, port: int) -> Iterator[None]:
    environment = {
        **os.environ,
        "FORETELL_SIGNING_KEY": "s" * 64,
        "FORETELL_IDENTITY_KEY": "i" * 64,
        "FORETELL_HOME": str(home),
        "FORETELL_PORT": str(first),
    }
    log = home / f"{port}.log"
    process = forked(*words, "--port", str(port), environment=environment, log=log)
    try:
        assert until(lambda: not process.is_alive() or is_ready(port)), log.read_text()
        assert process.is_alive(), log.read_text()
        yield
    finally:
        process.terminate()
        process.join(120)


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=20) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture(scope="module")
def partly(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Partly]:
    home = golden_home(tmp_path_factory.mktemp("predict-all") / "home", registered=False)
    first = free_ports(len(NAMES) + 1)
    with ExitStack() as stack:
        for name in RUNNING:
            stack.enter_context(started(home, first, "services", name, port=service_port(first, name)))
        stack.enter_context(started(home, first, "gateway", port=first))
        yield Partly(f"http://127.0.0.1:{first}", (home / "keys" / "default").read_text().strip())


def test_it_answers_what_the_single_calls_answer_and_names_those_that_are_away(partly: Partly) -> None:
    body = {"contacts": CONTACTS, "cutoff": CUTOFF, "reasons": 2}

    together = partly.post("/predict", {**body, "options": OPTIONS})

    single = {name: partly.post(PATHS[name], {**body, **OPTIONS.get(name, {})}) for name in RUNNING}
    assert together["answers"] == {
        name: {field: value for field, value in answer.items() if field != "request_id"}
        for name, answer in single.items()
    }
    assert [one["status"] for one in together["answers"]["scoring"]["predictions"]][1:] == [
        "unknown_contact",
        "invalid",
    ]
    assert {name: one["code"] for name, one in together["problems"].items()} == {
        name: "service-unavailable" for name in NAMES if name not in RUNNING
    }


def test_a_mistake_in_an_option_leaves_the_others_their_answers(partly: Partly) -> None:
    body = {"contacts": CONTACTS, "capabilities": list(RUNNING), "options": {"scoring": {"outcome": "No Outcome"}}}

    together = partly.post("/predict", body)

    assert list(together["answers"]) == ["segmentation"]
    assert [one["pointer"] for one in together["problems"]["scoring"]["errors"]] == ["/options/scoring/outcome"]


def test_all_answers_are_of_one_cutoff(partly: Partly) -> None:
    together = partly.post("/predict", {"contacts": CONTACTS, "options": OPTIONS})

    assert len({answer["cutoff"] for answer in together["answers"].values()}) == 1
