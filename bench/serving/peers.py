"""Other model servers: how each is installed, started with the same model file, and asked."""

import json
import subprocess
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
from bench.serving.load import asked, request
from bench.serving.processes import Running, free_port, plain_environment, running
from bench.serving.requests import BULK, row_lists, tensor

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


def mlflow() -> Peer:
    """Describe `mlflow models serve` on the same trees, saved by MLflow's own LightGBM flavour."""

    def commands(python: Path, port: int, folder: Path, text: Path) -> Sequence[str]:
        written = [python, PROGRAMS / "mlflow_model.py", text, folder / "model"]
        ran = subprocess.run(written, capture_output=True, text=True, check=False, env=plain_environment())
        if ran.returncode:
            raise Void(f"its model cannot be written: {(ran.stderr.strip().splitlines() or ['no reason given'])[-1]}")
        options = ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        return [str(python.with_name("mlflow")), "models", "serve", "-m", str(folder / "model"), *options]

    return Peer(
        name="mlflow models serve",
        packages=("mlflow==3.17.2", "lightgbm==4.7.0"),
        path="/invocations",
        ready="/ping",
        commands=commands,
        bodies=lambda rows, count: row_lists(rows, count, "inputs"),
        values=lambda answer: [float(value) for value in answer["predictions"]],
    )


def bentoml() -> Peer:
    """Describe a BentoML service of one worker."""

    def commands(python: Path, port: int, folder: Path, text: Path) -> Sequence[str]:
        (folder / "bentoml_order.py").write_text((PROGRAMS / "bentoml_order.py").read_text())
        (folder / "order.txt").write_text(text.read_text())
        listening = ["--host", "127.0.0.1", "--port", str(port)]
        return [str(python.with_name("bentoml")), "serve", "bentoml_order:Order", *listening]

    return Peer(
        name="BentoML",
        packages=("bentoml==1.4.40", "lightgbm==4.7.0"),
        path="/predict",
        ready="/readyz",
        commands=commands,
        bodies=lambda rows, count: row_lists(rows, count, "rows"),
        values=lambda answer: [float(value) for value in answer],
        settings={**ONE_THREAD, "MODEL_TEXT": "order.txt", "BENTOML_DO_NOT_TRACK": "True"},
    )


def ray() -> Peer:
    """Describe a Ray Serve deployment of one replica."""

    def commands(python: Path, port: int, folder: Path, text: Path) -> Sequence[str]:
        served = folder / "order.txt"
        served.write_text(text.read_text())
        return [str(python), str(PROGRAMS / "ray_order.py"), str(served), str(port)]

    return Peer(
        name="Ray Serve",
        # It reads descriptors that a newer protobuf has no more.
        packages=("ray[serve]==2.55.1", "lightgbm==4.7.0", "protobuf==6.33.6"),
        path="/predict",
        ready="/-/healthz",
        commands=commands,
        bodies=lambda rows, count: row_lists(rows, count, "rows"),
        values=lambda answer: [float(value) for value in answer],
        settings={**ONE_THREAD, "RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0"},
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


def versions(peer: Peer, cache: Path) -> str:
    """Write which releases a peer is made of."""
    names = [package.partition("=")[0].partition("[")[0] for package in peer.packages]
    python = cache / names[0] / "bin" / "python"
    return ", ".join(f"{name} {version}" for name, version in versions_in(python, names).items())
