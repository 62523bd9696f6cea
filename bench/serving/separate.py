"""What is measured apart from the rounds: a fixed rate, the webhook door, training."""

import asyncio
from pathlib import Path

from bench.serving import learning, peers, requests
from bench.serving.account import Prepared
from bench.serving.arithmetic import Bound, Load, Spread, Void
from bench.serving.cells import CONNECTIONS
from bench.serving.goals import Part, Verdict, judged
from bench.serving.load import closed_loop, fixed_rate
from bench.serving.processes import Running
from bench.webhooks_in.sending import run

HALF = 0.5
WEBHOOK_EVENTS, WEBHOOK_BATCH, WEBHOOK_RUNS = 15_000, 250, 3


def at_fixed_rate(
    prepared: Prepared, gateway: Running, cache: Path, folder: Path, *, rounds: int, seconds: float
) -> str:
    """Put the same rate on Foretell and on MLServer, half of what the slower one reaches, and write the latencies."""
    peer = peers.mlserver(0)
    ours = requests.through_gateway(prepared, requests.by_id(prepared.contacts))
    try:
        with peers.peer_running(peer, prepared, cache, folder) as running:
            sides = {"Foretell": (gateway, ours), peer.name: (running, peer.requests(prepared.rows, 1))}
            rates = []
            for system, sent in sides.values():
                rates.append(closed_loop(system.port, sent, folder, connections=CONNECTIONS, seconds=seconds).rate)
                system.settle()
            found: dict[str, list[Load]] = {name: [] for name in sides}
            for _ in range(rounds):
                for name, (system, sent) in sides.items():
                    found[name].append(fixed_rate(system.port, sent, rate=HALF * min(rates), seconds=seconds))
    except Void as void:
        return f"At a fixed rate: void ({void})."
    lines = [
        f"`/score` by id and MLServer's bare row at a fixed {HALF * min(rates):.0f} requests/s, half of what the "
        "slower one reaches; an answer's time counts from when its request was due: median (range) over the rounds.",
        "",
        "| system | p50 ms | p99 ms |",
        "|---|---:|---:|",
    ]
    for name, loads in found.items():
        figures = [Spread.of([load.p50_ms for load in loads]), Spread.of([load.p99_ms for load in loads])]
        written = [f"{one.middle:.2f} ({one.least:.2f} to {one.most:.2f})" for one in figures]
        lines.append(f"| {name} | {' | '.join(written)} |")
    return "\n".join(lines)


def webhooks(folder: Path) -> Verdict:
    """Judge goal 7: batches of a provider's signed items, each committed and synced before its answer."""
    rates: list[float] = []

    def figure() -> Spread:
        for number in range(WEBHOOK_RUNS):
            home = folder / f"webhooks-{number}"
            home.mkdir()
            found = asyncio.run(
                run(home, events=WEBHOOK_EVENTS, size=WEBHOOK_BATCH, rate=0.0, kills=0, longest_seconds=1.0)
            )
            if found.lost or found.twice or found.failures:
                raise Void(f"{found.lost} events lost, {found.twice} twice, {found.failures} requests failed")
            rates.append(found.answered / found.seconds)
        return Spread.of(rates)

    goal = "webhook door: at least 4,000 events/s with synced commits"
    return judged(7, goal, [Part("events/s", Bound(4_000.0, at_least=True), figure, digits=0)])


def training(folder: Path) -> tuple[Verdict, str]:
    """Judge goal 8, and say where the time of a training goes."""
    runs = list[learning.Training]()

    def figure() -> Spread:
        runs.extend(learning.measured(learning.material(folder / "learner")))
        return Spread.of([one.whole / one.own_fit for one in runs])

    goal = "training: at most 1.5 times LightGBM's own fit on the same matrix, bootstrap apart"
    verdict = judged(8, goal, [Part("time", Bound(1.5, at_least=False), figure, " of one fit's")])
    if not runs:
        return verdict, f"Training: {verdict.met}."
    whole, apart, inside, own = (
        Spread.of([getattr(one, name) for one in runs]).middle
        for name in ("whole", "bootstraps", "lightgbm", "own_fit")
    )
    return verdict, (
        f"Training of scoring on {runs[0].rows:,} frames x {runs[0].columns} features: {whole:.1f} s without its "
        f"bootstraps ({apart:.1f} s), of which {inside:.1f} s within LightGBM over all candidates and blocks (the "
        f"whole is {whole / inside:.2f} times that); LightGBM alone, one fit with the same parameters, stopped early "
        f"on the last block: {own:.2f} s."
    )
