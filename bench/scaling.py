"""What a second Dask worker brings, and what an account of any size would take: `python -m bench.scaling`.

An export as `foretell export events` writes it, one model (the golden features, 200 trees of 15 leaves), reasons off.
Clusters of one and of two worker processes of one thread each take turns; each round the whole export is predicted
(`foretell predict --from`) or read for a training (`foretell train --from`). The estimate is computed from processor
time, contact by contact and event by event, not from the clock. `--write` puts both into docs/scale.md.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from distributed import LocalCluster

from bench.batches import NOW, fixed_model, in_own_process, make_export
from foretell.bucket_predictions import ARTIFACT, BucketPredictions, predict_bucket, predicted
from foretell.bucket_training import TrainingExport, pasts_of_export, read_part
from shared.batches.buckets import BucketManifest

BEGIN, END = "<!-- scaling: made by python -m bench.scaling -->", "<!-- /scaling -->"
WORKERS = (1, 2)
EVENTS = (100, 500)
"""A contact, in the two exports from which the cost of a contact and of an event is computed."""
MODEL = {"capability": "scoring", "outcome": "customer", "version": "1", "digest": "d"}


@dataclass(frozen=True, slots=True)
class Costs:
    """What one contact and each of its events take."""

    contact_seconds: float
    event_seconds: float
    event_bytes: float
    """On the disk."""

    def core_hours(self, contacts: float, events: float) -> float:
        """Return the hours of one core for an account."""
        return (contacts * self.contact_seconds + events * self.event_seconds) / 3_600


def main() -> None:
    """Measure, print, perhaps write."""
    options = argparse.ArgumentParser(prog="python -m bench.scaling", description=__doc__)
    options.add_argument("--contacts", type=int, default=200_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--write", action="store_true")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fixed_model().save(folder / ARTIFACT)
        for events in EVENTS:
            in_own_process(make_export, folder / f"{events}", given.contacts * EVENTS[0] // events, events)
        times = compared(folder, given.rounds)
        costs = {work: costs_of(folder, work) for work in ("predict", "read")}
    text = "\n\n".join([scaling(times, given.contacts), estimate(costs, 100e6, 50e9, _ratio(times["predict"]))])
    print(text)
    if given.write:
        page = Path(__file__).parents[1] / "docs" / "scale.md"
        before, _, rest = page.read_text().partition(BEGIN)
        page.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")


def compared(folder: Path, rounds: int) -> dict[str, dict[int, float]]:
    """Return the median seconds of each work by the number of workers; clusters take turns."""
    found: dict[str, dict[int, list[float]]] = {
        work: {number: [] for number in WORKERS} for work in ("predict", "read")
    }
    with ExitStack() as stack:
        options = {"threads_per_worker": 1, "processes": True, "dashboard_address": ":0", "memory_limit": 0}
        clusters = {
            number: stack.enter_context(LocalCluster(n_workers=number, protocol="tcp://", **options))
            for number in WORKERS
        }
        for turn in range(rounds + 1):  # the first one warms up: imports, the model, the files
            for number, cluster in clusters.items():
                for work, run in (("predict", _predict), ("read", _read)):
                    began = time.perf_counter()
                    run(folder, cluster.scheduler_address)
                    if turn:
                        found[work][number].append(time.perf_counter() - began)
    return {work: {n: statistics.median(each) for n, each in by.items()} for work, by in found.items()}


def _predict(folder: Path, scheduler: str) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as name:
        wanted = _wanted(folder / f"{EVENTS[0]}", Path(name))
        predicted(wanted, folder / ARTIFACT, Path(name) / "result", scheduler=scheduler)


def _read(folder: Path, scheduler: str) -> None:
    export = folder / f"{EVENTS[0]}"
    wanted = TrainingExport.of(export, account="bench", most_contacts=20_000)
    pasts_of_export(wanted, with_events=True, scheduler=scheduler)


def _wanted(export: Path, folder: Path) -> BucketPredictions:
    return BucketPredictions(export, BucketManifest.read(export), folder, MODEL, NOW, NOW, 0, "parquet")


def costs_of(folder: Path, work: str) -> Costs:
    """Compute what a contact and an event take from two exports with different numbers of events."""
    seconds, written = [], 0.0
    for events in EVENTS:
        export = folder / f"{events}"
        manifest = BucketManifest.read(export)
        seconds.append(in_own_process(cpu_seconds, folder, export, work) / manifest.contacts)
        written = sum(one.stat().st_size for one in (export / "events").iterdir()) / manifest.events
    event = max(0.0, (seconds[1] - seconds[0]) / (EVENTS[1] - EVENTS[0]))
    return Costs(max(0.0, seconds[0] - EVENTS[0] * event), event, written)


def cpu_seconds(folder: Path, export: Path, work: str) -> float:
    """Return the processor time of one worker for all buckets of an export, after a first one."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        (Path(name) / ARTIFACT).symlink_to(folder / ARTIFACT)
        manifest = BucketManifest.read(export)
        do: Callable[[int], object] = partial(predict_bucket, _wanted(export, Path(name)))
        if work == "read":
            do = partial(read_part, TrainingExport(export, manifest, 0.02))
        do(0)
        began = time.process_time()
        for bucket in range(manifest.buckets):
            do(bucket)
        return time.process_time() - began


def _ratio(by_workers: dict[int, float]) -> float:
    return by_workers[1] / by_workers[2]


def scaling(times: dict[str, dict[int, float]], contacts: int) -> str:
    """Write the table of one worker against two."""
    named = {"predict": "`foretell predict --from`", "read": "reading for `foretell train --from`, a quarter drawn"}
    lines = ["| work | 1 worker, contacts/s | 2 workers, contacts/s | ratio (wanted: 1.7) |", "|---|---|---|---|"]
    for work, by in times.items():
        lines.append(
            f"| {named[work]} | {contacts / by[1]:,.0f} | {contacts / by[2]:,.0f} | {int(100 * _ratio(by)) / 100:.2f} |"
        )
    return "\n".join(lines)


def estimate(costs: dict[str, Costs], contacts: float, events: float, ratio: float) -> str:
    """Write what an account of a size would take, by the number of cores.

    Args:
        costs: of predicting, and of reading for a training.
        contacts: how many.
        events: of all of them.
        ratio: what a second worker brought; half of it is taken as the share of each further core that is of use.
    """
    hours = {work: one.core_hours(contacts, events) for work, one in costs.items()}
    lines = [
        f"For {contacts / 1e6:,.0f} million contacts with {events / 1e9:,.0f} billion events, computed from "
        + "; ".join(
            f"{1e6 * one.contact_seconds:.1f} µs a contact and {1e6 * one.event_seconds:.2f} µs an event to {work}"
            for work, one in costs.items()
        )
        + f"; {costs['predict'].event_bytes:.1f} bytes an event on the disk:",
        "",
        "| cores | predictions, minutes | reading for a training, minutes | export read, MB/s in all |",
        "|---|---|---|---|",
    ]
    size = events * costs["predict"].event_bytes
    for cores in (16, 64, 256):
        useful = cores * min(1.0, ratio / 2)
        read = size / (hours["predict"] / useful * 3_600) / 1e6
        lines.append(
            f"| {cores} | {60 * hours['predict'] / useful:,.1f} | {60 * hours['read'] / useful:,.1f} | {read:,.0f} |"
        )
    on_events = events * costs["predict"].event_seconds / 3_600 / hours["predict"]
    lines += [
        "",
        f"That is {hours['predict']:,.0f} core hours for the predictions, {hours['read']:,.0f} for the reading of a "
        f"training, and {size / 1e12:,.2f} TB of export. With {events / contacts:,.0f} events a contact, "
        f"{100 * on_events:.0f} % of the time of predictions goes into events: their number drives the cost.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
