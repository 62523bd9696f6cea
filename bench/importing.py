"""How long another writer waits while a file is imported: `python -m bench.importing --rows 1000000 [--csv]`."""

import argparse
import multiprocessing
import tempfile
import time
from functools import partial
from pathlib import Path

import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from bench.ingest import NOW, write
from foretell.importing import Import
from foretell.rejects import place
from shared.contracts.rows import EventRow
from shared.settings import Settings
from shared.store import migrate, open_database

KEY = b"k" * 32


def writer(home: str, begun: object, stop: object, waits: object) -> None:
    """Add ten events every 20 ms, as the API does, and note how long each call took."""
    database = open_database(Settings(home=Path(home)), KEY)
    store, number, longest, calls = database.of("bench"), 0, 0.0, 0
    begun.set()
    while not stop.is_set():
        rows = [EventRow(f"api-{number % 500}", f"e{number}-{i}", "page_viewed", NOW, NOW) for i in range(10)]
        before = time.perf_counter()
        store.events.add(rows)
        longest, calls, number = max(longest, time.perf_counter() - before), calls + 1, number + 1
        time.sleep(0.02)
    waits.put((longest, calls))
    database.close()


def quiet(plan: object) -> None:
    """Announce nothing."""


def main() -> None:
    """Import a file while another process writes, then once more."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--csv", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "events.parquet"
        write(file, arguments.rows, max(arguments.rows // 40, 1))
        if arguments.csv:
            table = pq.read_table(file)
            table = table.set_column(2, "occurred_at", table["occurred_at"].cast("string"))
            file = file.with_suffix(".csv")
            pcsv.write_csv(table, file)
        settings = Settings(home=Path(folder))
        migrate(settings)
        database = open_database(settings, KEY)
        database.create_account("bench", created_at=NOW)
        begun, stop, waits = multiprocessing.Event(), multiprocessing.Event(), multiprocessing.Queue()
        process = multiprocessing.Process(target=writer, args=(folder, begun, stop, waits))
        process.start()
        begun.wait()
        rejects = partial(place, Path(folder), "bench")
        for what in ("first import", "the same again"):
            began = time.process_time()
            summary = Import(database.of("bench"), KEY, rejects).load(file, "events", announce=quiet)
            rate = summary.rows / summary.seconds
            computed = (time.process_time() - began) / summary.rows * 1e6
            print(
                f"{what}: {summary.new:,} new, {summary.unchanged:,} unchanged, {rate:,.0f} rows/s, "
                f"{computed:.1f} us of processor time a row"
            )
        stop.set()
        longest, calls = waits.get()
        process.join()
        database.close()
        print(f"longest of {calls:,} writes beside it: {longest:.2f} s")


if __name__ == "__main__":
    main()
