"""The systems that are compared: Foretell, other model servers, and the limits of the machine."""

import json
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

from bench.serving.account import Matrix, Prepared
from bench.serving.arithmetic import Void
from bench.serving.environments import python_of, versions_in
from bench.serving.load import request
from bench.serving.processes import Running, free_port, module, plain_environment, product, running
from bench.serving.requests import BULK, IDENTITY_KEY, SIGNING_KEY, tensor
from shared.settings import service_port

PROGRAMS = Path(__file__).parent / "programs"
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
"""Without it LightGBM starts a thread a core for a single row: MLServer is then eight times slower, and no faster for
many rows. Foretell sets it for each call itself."""
MLSERVER_SETTINGS = {"host": "127.0.0.1", "debug": False}


@dataclass(frozen=True, slots=True)
class Peer:
    """Another model server."""

    name: str
    packages: Sequence[str]
    """Its own first; pinned."""
    path: str
    ready: str
    commands: Callable[[Path, int, Path, Path], Sequence[str]]
    """Interpreter, port, folder of its own and model text to a command; may write into the folder."""
    bodies: Callable[[Matrix, int], list[bytes]]
    """Rows and how many of them go into each body."""
    values: Callable[[Any], list[float]]
    """From a decoded answer to its probabilities."""
    settings: Mapping[str, str] = field(default_factory=lambda: ONE_THREAD)
    """Environment beside that of every system."""

    def requests(self, rows: Matrix, count: int) -> list[bytes]:
        """Write requests about `count` rows each."""
        return [request(self.path, body) for body in self.bodies(rows, count)]


def mlserver(workers: int) -> Peer:
    """Describe MLServer with its LightGBM runtime, predicting in its own process (0) or in others."""

    def commands(python: Path, port: int, folder: Path, text: Path) -> Sequence[str]:
        ports = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
        settings = {**MLSERVER_SETTINGS, **ports, "parallel_workers": workers}
        model = {
            "name": "order",
            "implementation": "mlserver_lightgbm.LightGBMModel",
            "parameters": {"uri": str(text), "version": "1"},
        }
        (folder / "settings.json").write_text(json.dumps(settings))
        (folder / "model-settings.json").write_text(json.dumps(model))
        return [str(python.with_name("mlserver")), "start", str(folder)]

    return Peer(
        name=f"MLServer, parallel_workers {workers}",
        # Its parallel workers do not start with a newer uvloop.
        packages=("mlserver==1.7.1", "mlserver-lightgbm==1.7.1", "lightgbm==4.7.0", "uvloop==0.21.0"),
        path="/v2/models/order/infer",
        ready="/v2/models/order/ready",
        commands=commands,
        bodies=tensor,
        values=lambda answer: [float(value) for value in answer["outputs"][0]["data"]],
    )


@contextmanager
def peer_running(peer: Peer, prepared: Prepared, cache: Path, folder: Path) -> Iterator[Running]:
    """Run a peer that answers with the same model.

    Raises:
        Void: it cannot be installed or started here, or it answers other numbers.
    """
    python = python_of(cache / peer.packages[0].partition("=")[0].partition("[")[0], peer.packages)
    port, mine = free_port(), folder / peer.name.replace(" ", "-").replace(",", "").lower()
    mine.mkdir(parents=True, exist_ok=True)
    command = peer.commands(python, port, mine, prepared.model_text)
    environment = {**plain_environment(), "PATH": f"{python.parent}:/usr/bin:/bin", **peer.settings}
    with running(peer.name, port, [command], environment, mine, peer.ready) as found:
        _require_same_answers(peer, port, prepared)
        yield found


def _require_same_answers(peer: Peer, port: int, prepared: Prepared) -> None:
    expected = lightgbm.Booster(model_file=prepared.model_text).predict(prepared.rows)
    for count in (1, BULK):
        body = peer.bodies(prepared.rows, count)[0]
        answer = peer.values(asked(port, peer.path, body, {}))
        if len(answer) != count or not np.allclose(answer, expected[:count], atol=1e-6):
            raise Void(f"it answers other numbers than the model of {prepared.model_text.name} to {count} rows")


def asked(port: int, path: str, body: bytes, headers: Mapping[str, str]) -> Any:
    """Send one request and decode its answer."""
    sent = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", body, {"Content-Type": "application/json", **headers}
    )
    with urllib.request.urlopen(sent, timeout=60) as answer:  # noqa: S310
        return json.load(answer)


@dataclass(frozen=True, slots=True)
class Foretell:
    """The product's gateway and scoring service."""

    whole: Running
    """Both; clients ask the gateway."""
    service: Running
    """The service alone."""


@contextmanager
def foretell_running(prepared: Prepared, folder: Path, capability: str = "scoring") -> Iterator[Foretell]:
    """Run the gateway and the service of a capability; another capability's answers are 503.

    Raises:
        Void: they do not start, or answer with another version than the fixed one.
    """
    port = free_port()
    behind = service_port(port, capability)
    environment = product(port, prepared.home, signing_key=SIGNING_KEY, identity_key=IDENTITY_KEY)
    serving = module("services", capability, "--port", str(behind))
    with (
        running(f"{capability} service", behind, [serving], environment, folder, "/readyz") as service,
        running("gateway", port, [module("gateway", "--port", str(port))], environment, folder, "/readyz") as gateway,
    ):
        yield Foretell(Running("Foretell", port, (*gateway.processes, *service.processes)), service)


def require_scored(prepared: Prepared, port: int, body: bytes) -> None:
    """Check that one call is answered by the fixed model, for every contact.

    Raises:
        Void: another version, another kind, or a contact without a prediction.
    """
    answer = asked(port, "/score", body, {"Authorization": f"Bearer {prepared.key}"})
    model = answer["model"]
    if (model["version"], model["kind"]) != (prepared.version, "lightgbm"):
        raise Void(f"version {model['version']} ({model['kind']}) answers, not {prepared.version}")
    unanswered = [one["status"] for one in answer["predictions"] if one["status"] != "ok"]
    if unanswered:
        raise Void(f"{len(unanswered)} contacts got no prediction: {unanswered[0]}")


@contextmanager
def program_running(name: str, folder: Path) -> Iterator[Running]:
    """Run one of the small programs that are limits, in this interpreter."""
    port = free_port()
    command = [*module("uvicorn", f"{name}:app", "--app-dir", str(PROGRAMS), "--port", str(port)), "--no-access-log"]
    with running(name, port, [[*command, "--log-level", "error"]], plain_environment(), folder, "/ready") as found:
        yield found


def versions(peer: Peer, cache: Path) -> str:
    """Write which releases a peer is made of."""
    names = [package.partition("=")[0].partition("[")[0] for package in peer.packages]
    python = cache / names[0] / "bin" / "python"
    return ", ".join(f"{name} {version}" for name, version in versions_in(python, names).items())
