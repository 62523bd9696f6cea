"""Cost against work, with the exponent of its growth: `python -m bench.growth [--quick] [--write]`.

About eight minutes on two quiet cores, `--quick` half a minute. `--largest 1000000` goes on to a million contacts,
`--events 100` gives them so many events, `--million-events 100` goes on to a store of so many: 40 s for the first
million events, on SQLite some seconds for each further one (copies), on PostgreSQL 40 s. `--postgres URL` (of an empty
database) measures that store too. `--only NAME` runs one of contacts, events, models, store; `--write` puts the tables
into docs/benchmarks.md.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

from bench.growth.models import models
from bench.growth.stores import contacts, events_of_one, store_size
from bench.growth.tables import Table

BEGIN, END = "<!-- growth: made by python -m bench.growth -->", "<!-- /growth -->"
PER_CONTACT = 50


def main() -> None:
    """Measure, print, and write where asked to."""
    given = _arguments()
    began, load = time.perf_counter(), os.getloadavg()[0]
    runs: dict[str, Callable[[], list[Table]]] = {
        "contacts": lambda: [contacts(_up_to(given.largest, quick=given.quick), given.events)],
        "events": lambda: [events_of_one((10, 100, 1_000) if given.quick else (10, 100, 1_000, 10_000))],
        "models": lambda: [models((1, 5, 40) if given.quick else (1, 5, 10, 25, 50, 100, 200))],
        "store": lambda: [
            store_size(_store_sizes(given.million_events, quick=given.quick), PER_CONTACT, url)
            for url in ([None] if given.postgres is None else [None, given.postgres])
        ],
    }
    tables = [table for name, run in runs.items() if given.only in (None, name) for table in run()]
    text = "\n\n".join([_conditions(began, load, quick=given.quick), *(table.text() for table in tables)])
    print(text)
    if given.write:
        page = Path(__file__).parents[2] / "docs" / "benchmarks.md"
        before, _, rest = page.read_text().partition(BEGIN)
        page.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes only")
    parser.add_argument("--largest", type=int, default=10_000, help="contacts of the largest account")
    parser.add_argument("--events", type=int, default=100, help="events of each of them")
    parser.add_argument("--million-events", type=float, default=3.0, help="millions of events of the largest store")
    parser.add_argument("--postgres", help="URL of an empty database, postgresql+psycopg://...")
    parser.add_argument("--only", choices=("contacts", "events", "models", "store"))
    parser.add_argument("--write", action="store_true")
    return parser.parse_args()


def _up_to(largest: int, *, quick: bool) -> list[int]:
    if quick:
        return [100, 300, 1_000]
    steps = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
    return [size for size in steps if size <= largest]


def _store_sizes(millions: float, *, quick: bool) -> list[int]:
    if quick:
        return [10_000, 30_000, 100_000]
    steps = (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000, 30_000_000, 100_000_000)
    return [size for size in steps if size <= millions * 1e6]


def _conditions(began: float, load: float, *, quick: bool) -> str:
    minutes = (time.perf_counter() - began) / 60
    sizes = "`--quick`, small sizes only; " if quick else ""
    return (
        f"{sizes}{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, load "
        f"{load:.1f} at the beginning and {os.getloadavg()[0]:.1f} at the end, {minutes:.1f} minutes. Linear "
        "or better: neither the exponent of all sizes nor that of the last step is above 1.1."
    )


if __name__ == "__main__":
    main()
