"""Which processes make up Foretell on one machine, and where each of them listens; read from the table."""

import errno
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.capabilities import TABLE
from shared.environment import granting
from shared.errors import Conflict
from shared.settings import service_port


@dataclass(frozen=True, slots=True)
class Program:
    """One process of the embedded setup."""

    name: str
    arguments: tuple[str, ...]
    """The module and what follows it on the command line."""
    host: str
    port: int
    metrics_port: int | None = None
    """Where it shows its metrics, on the host that the settings name; None: nowhere."""
    secrets: frozenset[str] = frozenset()
    """Settings that hold a secret, and that it needs; it is given no other one."""

    @property
    def health_url(self) -> str:
        """Where it says that it is alive."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - compared, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/healthz"

    def environment(self, every: Mapping[str, str]) -> dict[str, str]:
        """Leave of an environment what is for this program."""
        given = granting(every, self.secrets)
        given.pop("FORETELL_METRICS_PORT", None)
        if self.metrics_port is not None:
            given["FORETELL_METRICS_PORT"] = str(self.metrics_port)
        return given


_STORE = frozenset({"store_url", "predictions_url"})


def programs(host: str, port: int, metrics_port: int | None = None) -> tuple[Program, ...]:
    """List every process: the services, the worker, and last the gateway that fronts them.

    Args:
        host: where the gateway listens; everything else keeps to loopback.
        port: the gateway's port; the others take those that follow.
        metrics_port: the gateway's, the others take those that follow in the same order; None: no metrics.
    """

    def after(first: int | None, place: int) -> int | None:
        return None if first is None else first + place

    services = [
        Program(
            line.name,
            ("services", line.name, "--port", str(service_port(port, line.name))),
            "127.0.0.1",
            service_port(port, line.name),
            after(metrics_port, 1 + place),
            _STORE | {"signing_key", "registry_url"},
        )
        for place, line in enumerate(TABLE)
    ]
    last = 1 + len(TABLE)
    working = ("foretell", "worker", "--port", str(port + last))
    known = _STORE | {"signing_key", "identity_key"}
    working_secrets = known | {"registry_url"}  # batches load models
    worker = Program("worker", working, "127.0.0.1", port + last, after(metrics_port, last), working_secrets)
    serving = ("gateway", "--host", host, "--port", str(port))
    gateway = Program("gateway", serving, host, port, metrics_port, known | {"limits_redis_url"})
    return (*services, worker, gateway)


def refuse_taken_ports(listed: tuple[Program, ...], metrics_host: str = "127.0.0.1") -> None:
    """Check that every port is free.

    Raises:
        Conflict: one is taken, out of range, or the host is not ours; says which.
    """
    for program in listed:
        _refuse_taken(program.name, program.host, program.port, "FORETELL_PORT")
        if program.metrics_port is not None:
            _refuse_taken(f"metrics of {program.name}", metrics_host, program.metrics_port, "FORETELL_METRICS_PORT")


def _refuse_taken(name: str, host: str, port: int, setting: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except (OSError, OverflowError) as error:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            way_out = f"is taken: stop what listens there, or set {setting} to a number with free ones behind it"
        elif isinstance(error, OSError) and error.errno == errno.EACCES:
            way_out = f"needs more rights: set {setting} to one above 1023"
        else:
            message = f"Cannot listen on {host}:{port} ({name}): give --host and --port of this machine."
            raise Conflict(message) from error
        raise Conflict(f"Port {port} ({name}) {way_out}.") from error


def environment(base: Mapping[str, str], home: Path, port: int, secrets: Mapping[str, str]) -> dict[str, str]:
    """Compose what children see: everything we see, this home, and secrets unless they were given.

    Args:
        base: our own environment.
        home: the folder, made absolute.
        port: the gateway's port.
        secrets: by setting name in lower case; each program is given those that it needs.
    """
    given = {f"FORETELL_{name.upper()}": value for name, value in secrets.items()}
    return {
        **given,
        **base,
        "FORETELL_HOME": str(home.absolute()),
        "FORETELL_PORT": str(port),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONUNBUFFERED": "1",
    }
