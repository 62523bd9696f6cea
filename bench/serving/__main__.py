"""Every goal of serving speed, side by side in one run: `python -m bench.serving [--quick] [--only NAME] [--write]`.

Needs wrk. The other model servers run in environments of their own, made from their released packages in `--cache`.
`--quick` takes two minutes: goals 1 to 5, against MLServer and bare ASGI alone. On a machine that others use, compare
processor time a request, not rates.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.serving import cells, goals, layers, peers, reads, requests, separate, systems, tables
from bench.serving.account import FEATURES, LEAVES, TREES, Prepared, kept_or_prepared
from bench.serving.arithmetic import Void
from bench.serving.goals import Verdict
from bench.serving.load import require_wrk
from bench.serving.rounds import Cell, Measured, over_http
from shared.capabilities import TABLE

MLSERVER = (peers.mlserver(0), peers.mlserver(1))
BESIDE = (peers.mlflow(), peers.bentoml())
APART = peers.ray()
"""Its own processes compute when nobody asks: it runs when all else is ended, so that it disturbs nobody."""
EVERY = (*MLSERVER, *BESIDE, APART)
OF_FORETELL = ("requests", "fixed-rate", "layers")
"""Sections that need the prepared account."""
SECTIONS = (*OF_FORETELL, "webhooks", "training")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, and for how long."""

    folder: Path
    cache: Path
    quick: bool
    only: str | None
    rounds: int
    seconds: float

    def has(self, section: str) -> bool:
        """Whether a section is measured."""
        return self.only == section or (self.only is None and (not self.quick or section == "requests"))


@dataclass
class Results:
    """What all sections found."""

    rounds: Measured = field(default_factory=Measured)
    verdicts: list[Verdict] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    """Paragraphs and tables beside those of goals and loads."""


def main() -> None:
    """Prepare, measure, print."""
    given = options()
    require_wrk()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        try:
            results = measured(given, Path(folder))
        except Void as void:
            raise SystemExit(f"nothing of this run counts: {void}") from void
    how = (
        f"{given.contacts:,} contacts with 200 events each; one model of {TREES} trees, {LEAVES} leaves and {FEATURES} "
        f"features in every system, whose answers were compared first; {given.rounds} rounds of {given.seconds:.0f} s "
        f"a load, {(time.monotonic() - began) / 60:.1f} minutes. "
        f"{tables.released(MLSERVER if given.quick else EVERY, given.cache)}"
    )
    text = tables.report(results.rounds, results.verdicts, results.texts, said=how)
    print(text)
    if given.write:
        tables.write(text)
    if given.json is not None:
        given.json.write_text(json.dumps(raw(results), indent=1))


def measured(given: argparse.Namespace, folder: Path) -> Results:
    """Measure the sections that were asked for.

    Raises:
        Void: the account or the product's own answers are not what is to be measured.
    """
    plan = Plan(folder, given.cache, given.quick, given.only, given.rounds, given.seconds)
    results = Results()
    if any(plan.has(section) for section in OF_FORETELL):
        said("preparing the account")
        everything = plan.has("requests") and not plan.quick
        prepared = kept_or_prepared(given.home or folder / "home", given.contacts, everything=everything)
        with_foretell(plan, prepared, results)
        apart(plan, prepared, results)
    if plan.has("requests"):
        measured_goals(results, quick=plan.quick)
    if plan.has("webhooks"):
        said("webhooks")
        results.verdicts.append(separate.webhooks(folder))
    if plan.has("training"):
        said("training")
        verdict, text = separate.training(folder)
        results.verdicts.append(verdict)
        results.texts.append(text)
    return results


def raw(results: Results) -> dict[str, object]:
    """Return the figures of every run as plain values."""
    return {
        "machine": tables.machine(),
        "loads": {name: [asdict(load) for load in loads] for name, loads in results.rounds.loads.items()},
        "void": results.rounds.voids,
        "goals": [asdict(one) for one in results.verdicts],
    }


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="goals 1 to 5 against MLServer and bare ASGI, 2 minutes")
    parser.add_argument("--only", choices=SECTIONS, help="one section")
    parser.add_argument("--home", type=Path, help="folder that keeps the account for the next run")
    cache = Path(os.environ.get("FORETELL_BENCH_CACHE") or Path(tempfile.gettempdir()) / "foretell-bench")
    parser.add_argument("--cache", type=Path, default=cache, help="environments of others (FORETELL_BENCH_CACHE)")
    parser.add_argument("--contacts", type=int, help="with 200 events each; default: 5,000, quick 2,000")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each run; default: %(default)g")
    parser.add_argument(
        "--write", action="store_true", help="write the section of docs/benchmarks.md; a whole run only"
    )
    parser.add_argument("--json", type=Path, help="file for every run's figures")
    given = parser.parse_args()
    if given.write and (given.quick or given.only):
        parser.error("--write wants a whole run: no --quick, no --only")
    if given.contacts is None:
        given.contacts = 2_000 if given.quick else 5_000
    return given


def said(text: str) -> None:
    """Show how far the run is."""
    print(text, file=sys.stderr, flush=True)


def with_foretell(plan: Plan, prepared: Prepared, results: Results) -> None:
    """Measure what needs the product's processes."""
    names = [line.name for line in TABLE] if plan.has("requests") and not plan.quick else ["scoring"]
    with ExitStack() as stack:
        foretell = stack.enter_context(systems.foretell_running(prepared, plan.folder, names))
        for question in requests.checked(prepared, names):
            systems.require_answered(prepared, foretell.gateway.port, question)
        if plan.has("requests"):
            said("starting what is compared")
            listed = compared(plan, prepared, foretell, results.rounds, stack)
            said(f"{plan.rounds} rounds of {len(listed)} loads")
            results.rounds.run(listed, rounds=plan.rounds, seconds=plan.seconds)
        if plan.has("fixed-rate"):
            said("at a fixed rate")
            where = prepared, foretell.gateway, plan.cache, plan.folder
            results.texts.append(separate.at_fixed_rate(*where, rounds=plan.rounds, seconds=plan.seconds))
        if plan.has("layers"):
            said("layers")
            results.texts.append(layer_text(plan, prepared, foretell))


def compared(
    plan: Plan, prepared: Prepared, foretell: systems.Foretell, found: Measured, stack: ExitStack
) -> list[Cell]:
    """Start what is compared round by round, and list the loads."""
    folder = plan.folder
    listed = list(cells.of_foretell(prepared, foretell, folder, quick=plan.quick))
    listed += cells.of_others(prepared, foretell, folder)
    for peer in MLSERVER if plan.quick else (*MLSERVER, *BESIDE):
        listed += started(peer, plan, prepared, found, stack)
    listed += cells.of_booster(prepared)
    for name, module in cells.PROGRAMS if not plan.quick else cells.PROGRAMS[:1]:
        running = stack.enter_context(systems.program_running(module, folder))
        listed.append(cells.of_program(name, running, prepared, folder))
    if not plan.quick:
        listed.append(stack.enter_context(reads.sqlite_reads(prepared)))
        try:
            listed.append(stack.enter_context(reads.postgresql_reads(folder / "postgresql")))
        except Void as void:
            found.leave_out(reads.POSTGRESQL, str(void))
    return listed


def started(peer: peers.Peer, plan: Plan, prepared: Prepared, found: Measured, stack: ExitStack) -> list[Cell]:
    """Start another model server and list its loads; one that does not start is listed with the reason."""
    try:
        running = stack.enter_context(peers.peer_running(peer, prepared, plan.cache, plan.folder))
    except Void as void:
        for what in (cells.ROW, cells.ROWS):
            found.leave_out(cells.named(peer.name, what), str(void))
        return []
    return list(cells.of_peer(peer, running, prepared, plan.folder))


def apart(plan: Plan, prepared: Prepared, results: Results) -> None:
    """Measure the model server that disturbs the others, alone."""
    if plan.quick or not plan.has("requests"):
        return
    said(APART.name)
    with ExitStack() as stack:
        listed = started(APART, plan, prepared, results.rounds, stack)
        results.rounds.run(listed, rounds=plan.rounds, seconds=plan.seconds)


def measured_goals(results: Results, *, quick: bool) -> None:
    """Judge goals 1 to 6."""
    listed = MLSERVER if quick else EVERY
    results.verdicts += goals.of_requests(
        results.rounds, [peer.name for peer in MLSERVER], [peer.name for peer in listed]
    )
    if not quick:
        results.verdicts.append(goals.of_capabilities(results.rounds))
        results.verdicts.append(goals.of_decisions(results.rounds))


def layer_text(plan: Plan, prepared: Prepared, foretell: systems.Foretell) -> str:
    """Sample both processes while ids are asked about, and write the layers of one call."""
    whole = foretell.with_service("scoring")
    sent = requests.through_gateway(prepared, requests.by_id(prepared.contacts))
    cell = over_http("layers", whole, lambda: sent, plan.folder, connections=cells.CONNECTIONS)
    seconds = max(plan.seconds, 5.0)
    try:
        found = layers.sampled(
            [foretell.gateway, foretell.services["scoring"]],
            lambda: cell.run(seconds + 3),
            plan.cache,
            plan.folder,
            seconds=seconds,
        )
    except Void as void:
        return f"Layers of one call: void ({void})."
    return (
        "Layers of one `/score` by id with 3 reasons, 8 connections: processor time of each thread by the scheduler, "
        f"shared out by samples of what it was at (py-spy).\n\n{layers.table(found)}"
    )


if __name__ == "__main__":
    main()
