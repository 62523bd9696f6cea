"""Foretell's own processes, and small programs that stand for a limit."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.serving.account import Prepared
from bench.serving.arithmetic import Void
from bench.serving.load import asked
from bench.serving.processes import Running, free_port, module, plain_environment, product, running
from bench.serving.requests import IDENTITY_KEY, SIGNING_KEY, Question
from shared.settings import service_port

PROGRAMS = Path(__file__).parent / "programs"


@dataclass(frozen=True, slots=True)
class Foretell:
    """The product's gateway and services, one process each."""

    gateway: Running
    services: Mapping[str, Running]
    """By capability."""

    def with_service(self, capability: str) -> Running:
        """Return the gateway and one service as one system; clients ask the gateway."""
        behind = self.services[capability]
        return Running("Foretell", self.gateway.port, (*self.gateway.processes, *behind.processes))


@contextmanager
def foretell_running(prepared: Prepared, folder: Path, capabilities: Sequence[str]) -> Iterator[Foretell]:
    """Run the gateway and the services of some capabilities; the others' paths answer 503.

    Raises:
        Void: they do not start.
    """
    port, services = free_port(), dict[str, Running]()
    environment = product(port, prepared.home, signing_key=SIGNING_KEY, identity_key=IDENTITY_KEY)
    with ExitStack() as stack:
        for name in capabilities:
            behind = service_port(port, name)
            command = module("services", name, "--port", str(behind))
            services[name] = stack.enter_context(
                running(f"{name} service", behind, [command], environment, folder, "/readyz")
            )
        command = module("gateway", "--port", str(port))
        gateway = stack.enter_context(running("gateway", port, [command], environment, folder, "/readyz"))
        yield Foretell(gateway, services)


def require_answered(prepared: Prepared, port: int, question: Question) -> None:
    """Check that one call is answered for every contact, `/score` by the fixed model.

    Raises:
        Void: another version, another kind, or a contact without a prediction.
    """
    answer = asked(port, question.path, question.bodies[0], {"Authorization": f"Bearer {prepared.key}"})
    model = answer["model"]
    if question.path == "/score" and (model["version"], model["kind"]) != (prepared.version, "lightgbm"):
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
