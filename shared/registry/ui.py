"""How MLflow's own pages are opened on the registry of an installation: a command for a process of its own."""

import importlib.util
import os
import re
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.errors import Conflict, SettingsRefused
from shared.registry.registration import QUIET, MlflowRegistry
from shared.settings import Settings

HOST = "127.0.0.1"
SERVER_PACKAGES = ("mlflow", "flask", "uvicorn")
"""Without any of these there is no server: `mlflow-skinny` alone brings none."""


@dataclass(frozen=True, slots=True)
class UiServer:
    """A process that shows the registry."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    """All that it sees of one; addresses with passwords are in here and not in the arguments."""
    address: str


def remote_address(settings: Settings) -> str | None:
    """Return where a registry server shows its own pages, without a password; None where there is no server."""
    url = settings.resolved_registry_url()
    return re.sub(r"//[^/@]*@", "//", url) if url.startswith(("http://", "https://")) else None


def server(
    settings: Settings,
    *,
    port: int,
    environment: Mapping[str, str] = os.environ,
    packages: Sequence[str] = SERVER_PACKAGES,
) -> UiServer:
    """Compose the server of the registry that the settings name, on loopback, which sends nothing anywhere.

    Args:
        settings: of a registry in a database: the embedded one, or one of your own.
        port: to listen on.
        environment: of this process.
        packages: that the server needs.

    Raises:
        SettingsRefused: MLflow's server is not installed.
        Conflict: something else listens there.
    """
    missing = next((name for name in packages if importlib.util.find_spec(name) is None), None)
    if missing is not None:
        raise SettingsRefused(
            f"MLflow's server is not installed ({missing} is missing): run `pip install 'foretell[train]'`."
        )
    _require_free(port)
    registry = MlflowRegistry.of(settings)
    registry.prepare_file()
    artifacts = registry.artifacts or (Path.cwd() / "mlartifacts").as_uri()
    return UiServer(
        (sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"),
        {
            **{name: value for name, value in environment.items() if not name.startswith(("FORETELL_", "MLFLOW_"))},
            **QUIET,
            "DO_NOT_TRACK": "true",
            "MLFLOW_BACKEND_STORE_URI": registry.url,
            "MLFLOW_DEFAULT_ARTIFACT_ROOT": artifacts,
            "MLFLOW_SERVE_ARTIFACTS": "false",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        },
        f"http://{HOST}:{port}",
    )


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise Conflict(f"Port {port} is taken: name another one with --port.") from error
