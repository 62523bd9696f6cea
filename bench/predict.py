"""What `POST /predict` costs against each single call: clock and processor time at 1 and 8 connections, in one run.

Run: python -m bench.predict [--home FOLDER] [--rounds 5] [--seconds 3]. The account is that of `bench.serving`, with
a model of every capability, kept in the folder for the next time. In every round all paths are measured one after the
other; the figures are medians of the rounds, the processor time is that of gateway and services together.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from bench.serving.account import ACCOUNT, OUTCOME, SILENCE, Prepared, kept_or_prepared
from bench.serving.arithmetic import Load
from bench.serving.load import asked, closed_loop, fixed_rate
from bench.serving.processes import Running
from bench.serving.requests import Question, by_id, through_gateway
from bench.serving.systems import foretell_running
from gateway.predict_all.schemas import PATH
from shared.capabilities import NAMES, TABLE

CONTACTS: Final = 1_000
MANY: Final = 100
OPTIONS: Final[Mapping[str, Mapping[str, str]]] = {"scoring": {"outcome": OUTCOME}, "churn": {"outcome": SILENCE}}


class Setup(NamedTuple):
    """How it is asked."""

    contacts: int
    """In each call."""
    connections: int
    rate: float | None = None
    """Requests a second; None: one after the other. At a low rate each call's predictions are logged in a commit of
    their own; at a high one, which single calls reach sooner, many share one."""


SETUPS: Final = (Setup(1, 1, rate=15.0), Setup(1, 1), Setup(1, 8), Setup(MANY, 1))


class Cost(NamedTuple):
    """What one request took."""

    p50_ms: float
    rate: float
    cpu_ms: float


def questions(prepared: Prepared, contacts: int) -> list[Question]:
    """List the single calls and the one for all, about the same contacts, with three reasons each."""
    if contacts == 1:
        single = [by_id(prepared.contacts, path=line.path) for line in TABLE]
        groups = [json.loads(body)["contacts"] for body in single[0].bodies]
    else:
        starts = range(0, len(prepared.contacts), contacts)
        groups = [[{"id": one} for one in prepared.contacts[start : start + contacts]] for start in starts]
        single = [Question(line.path, _bodies(groups, OPTIONS.get(line.name, {})), contacts) for line in TABLE]
    return [*single, Question(PATH, _bodies(groups, {"options": OPTIONS}), contacts)]


def _bodies(groups: Sequence[Sequence[Mapping[str, str]]], more: Mapping[str, object]) -> list[bytes]:
    return [json.dumps({**more, "reasons": 3, "contacts": group}, separators=(",", ":")).encode() for group in groups]


def require_all(prepared: Prepared, port: int) -> None:
    """Check that every capability answers.

    Raises:
        SystemExit: one does not.
    """
    body = questions(prepared, 1)[-1].bodies[0]
    answer = asked(port, PATH, body, {"Authorization": f"Bearer {prepared.key}"})
    if set(answer["answers"]) != set(NAMES):
        raise SystemExit(f"only {sorted(answer['answers'])} answer: {answer['problems']}")


def measured(
    prepared: Prepared, system: Running, folder: Path, setup: Setup, *, rounds: int, seconds: float
) -> dict[str, Cost]:
    """Measure all paths in alternation; the first round warms up and does not count.

    Args:
        prepared: the account.
        system: gateway and services.
        folder: for files of requests.
        setup: how it is asked.
        rounds: how many.
        seconds: of each path in a round.
    """
    found: dict[str, list[Cost]] = {}
    for number in range(rounds + 1):
        for question in questions(prepared, setup.contacts):
            system.settle()
            before = system.cpu_seconds()
            load = _load(system.port, through_gateway(prepared, question), folder, setup, seconds)
            system.settle()
            cpu_ms = 1e3 * (system.cpu_seconds() - before) / load.requests
            if number:
                found.setdefault(question.path, []).append(Cost(load.p50_ms, load.rate, cpu_ms))
    return {path: Cost(*(median(figures) for figures in zip(*costs, strict=True))) for path, costs in found.items()}


def _load(port: int, requests: Sequence[bytes], folder: Path, setup: Setup, seconds: float) -> Load:
    if setup.rate is None:
        return closed_loop(port, requests, folder, connections=setup.connections, seconds=seconds)
    return fixed_rate(port, requests, rate=setup.rate, seconds=seconds, connections=setup.connections)


def show(costs: Mapping[str, Cost], setup: Setup) -> None:
    """Print a line a path, and the ratios to the dearest and to all single calls."""
    for path, cost in costs.items():
        figures = f"{cost.p50_ms:,.2f} | {cost.rate:,.1f} | {cost.cpu_ms:,.2f}"
        print(f"| {setup.contacts} | {setup.connections} | {setup.rate or 'any'} | `{path}` | {figures} |")
    together, single = costs[PATH], [cost for path, cost in costs.items() if path != PATH]
    clock, computed = [one.p50_ms for one in single], [one.cpu_ms for one in single]
    print(
        f"{PATH} against the dearest: {together.p50_ms / max(clock):.2f} by clock, "
        f"{together.cpu_ms / max(computed):.2f} by CPU; against all one after the other: "
        f"{together.p50_ms / sum(clock):.2f} by clock, {together.cpu_ms / sum(computed):.2f} by CPU",
        flush=True,
    )


def main() -> None:
    """Prepare the account, start the processes, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, help=f"keeps the account `{ACCOUNT}` (default: made and thrown away)")
    parser.add_argument("--contacts", type=int, default=CONTACTS, help="that the account has")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each path in a round")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        prepared = kept_or_prepared(given.home or folder / "home", given.contacts, everything=True)
        running = stack.enter_context(foretell_running(prepared, folder, NAMES))
        processes = [pid for one in (running.gateway, *running.services.values()) for pid in one.processes]
        system = Running("Foretell", running.gateway.port, tuple(processes))
        require_all(prepared, system.port)
        print("| contacts | connections | rate | path | p50 ms | requests/s | CPU ms a request |")
        print("|---:|---:|---:|---|---:|---:|---:|")
        for setup in SETUPS:
            costs = measured(prepared, system, folder, setup, rounds=given.rounds, seconds=given.seconds)
            show(costs, setup)


if __name__ == "__main__":
    main()
