"""Incoming webhooks, events a second, while the gateway is killed: `python -m bench.webhooks_in --events 1000000`."""

import argparse
import asyncio
import tempfile
from pathlib import Path

from bench.webhooks_in.sending import run


def main() -> None:
    """Send, kill, count, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=250)
    parser.add_argument("--rate", type=float, default=0.0, help="events a second; 0: as fast as they are answered")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--longest-seconds", type=float, default=10.0, help="how long the gateway lives at most")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(
            run(
                Path(folder),
                events=given.events,
                size=given.batch,
                rate=given.rate,
                kills=given.kills,
                longest_seconds=given.longest_seconds,
            )
        )
        size = (Path(folder) / "store.sqlite").stat().st_size
    middle, late = (found.latencies[int(len(found.latencies) * share)] for share in (0.5, 0.99))
    print(f"{found.answered:,} events answered 2xx in {found.seconds:,.1f} s: {found.answered / found.seconds:,.0f}/s")
    print(f"kill -9: {found.kills}; requests that failed and were sent again: {found.failures}")
    print(f"stored {found.stored:,}, lost {found.lost}, twice {found.twice}; told: {dict(found.counts)}")
    print(f"milliseconds of a batch: median {1_000 * middle:.0f}, 99 % {1_000 * late:.0f}; store {size / 1e6:,.0f} MB")


if __name__ == "__main__":
    main()
