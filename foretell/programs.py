"""Which processes make up Foretell on one machine, and where each of them listens; read from the table."""

import errno
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.capabilities import TABLE
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

    @property
    def health_url(self) -> str:
        """Where it says that it is alive."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - compared, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/healthz"


def programs(host: str, port: int) -> tuple[Program, ...]:
    """List every process: the services, the worker, and last the gateway that fronts them.

    Args:
        host: where the gateway listens; everything else keeps to loopback.
        port: the gateway's port; the others take those that follow.
    """
    services = [
        Program(
            line.name,
            (f"services.{line.name}.api", "--port", str(service_port(port, line.name))),
            "127.0.0.1",
            service_port(port, line.name),
        )
        for line in TABLE
    ]
    worker_port = port + 1 + len(TABLE)
    worker = Program("worker", ("foretell", "worker", "--port", str(worker_port)), "127.0.0.1", worker_port)
    gateway = Program("gateway", ("gateway", "--host", host, "--port", str(port)), host, port)
    return (*services, worker, gateway)


def refuse_taken_ports(listed: tuple[Program, ...]) -> None:
    """Check that every port is free.

    Raises:
        Conflict: one is taken, out of range, or the host is not ours; says which.
    """
    for program in listed:
        family = socket.AF_INET6 if ":" in program.host else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((program.host, program.port))
        except (OSError, OverflowError) as error:
            raise Conflict(_sentence(program, error)) from error


def _sentence(program: Program, error: OSError | OverflowError) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return (
            f"Port {program.port} ({program.name}) is taken: stop what listens there, or set FORETELL_PORT to a number "
            "with free ones behind it."
        )
    if isinstance(error, OSError) and error.errno == errno.EACCES:
        return f"Port {program.port} ({program.name}) needs more rights: set FORETELL_PORT to one above 1023."
    return f"Cannot listen on {program.host}:{program.port} ({program.name}): give --host and --port of this machine."


def environment(base: Mapping[str, str], home: Path, port: int, secrets: Mapping[str, str]) -> dict[str, str]:
    """Compose what a child sees: everything we see, this home, and secrets unless they were given.

    Args:
        base: our own environment.
        home: the folder, made absolute.
        port: the gateway's port.
        secrets: by setting name in lower case.
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
