"""Predictions about many contacts, as a share of what engine and trees alone take: `python -m bench.batches`.

One model (the golden features, 200 trees of 15 leaves), 100 events a contact, reasons off, one thread. `alone` is the
feature matrix and `Booster.predict` on pasts that lie in memory; `buckets` reads an export in Parquet, decides who gets
a prediction, predicts and writes Parquet; `store` does the same from SQLite, by id, as a batch of the worker does.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from services.scoring.capability import CAPABILITY
from services.scoring.model import ScoringModel
from shared.batches.bucket_reader import read_bucket
from shared.batches.buckets import COMPRESSION, DICTIONARIES, BucketManifest, bucket_file, schemas
from shared.batches.bulk_rows import write_answers
from shared.batches.formats import format_of
from shared.batches.predict import BatchPredictor
from shared.contracts.rows import DAY, ContactRow, EventRow
from shared.features import matrix
from shared.learners.trees import Trees
from shared.serving.batch import PinnedModel
from shared.serving.champions import Champion
from shared.settings import Settings
from shared.store import AccountStore, migrate, open_database
from shared.timeline.coded_pasts import MACHINE, from_columns, seen_types

GOLDEN = Path(__file__).parents[1] / "tests" / "contract" / "golden" / "scoring" / "lightgbm"
NOW = 1_780_272_000_000_000
CUTOFF = datetime.fromtimestamp(NOW / 1e6, UTC)
EVENTS = 100
TYPES = ("email_sent", "email_opened", "email_clicked", "page_viewed", "form_submitted", "order_placed")
MOST_STORED = 20_000
"""More are not put into the store: that takes longer than all the rest."""
CONTACTS_A_BUCKET = 10_000


def main() -> None:
    """Make an account of a size, and measure the ways."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--contacts", type=int, default=20_000)
    options.add_argument("--skip-store", action="store_true", help="Measure buckets alone.")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        in_own_process(make_export, folder / "export", given.contacts)
        took, written = in_own_process(measure_buckets, folder / "export")
        alone = took.pop("engine") + took.pop("trees")
        total = took["total"]
        print(f"{given.contacts:,} contacts, {EVENTS} events each")
        print(f"alone    {given.contacts / alone:10,.0f} contacts/s  {1e6 * alone / given.contacts:7.1f} us a contact")
        print(f"buckets  {given.contacts / total:10,.0f} contacts/s  {1e6 * total / given.contacts:7.1f} us a contact")
        print(f"buckets to alone: {alone / total:.2f}")
        print(
            "  " + ", ".join(f"{part} {1e6 * s / given.contacts:.1f} us" for part, s in took.items() if part != "total")
        )
        print(f"  {written['megabytes']:,.0f} MB at most, result {written['bytes'] / 1e6:,.1f} MB")
        if not given.skip_store:
            contacts = min(given.contacts, MOST_STORED)
            seconds, megabytes = in_own_process(measure_store, folder / "home", contacts)
            print(f"store    {contacts / seconds:10,.0f} contacts/s  {1e6 * seconds / contacts:7.1f} us a contact")
            print(f"store to alone: {alone / given.contacts * contacts / seconds:.2f}")
            print(f"  {megabytes:,.0f} MB at most")


def in_own_process(work: Callable[..., Any], *arguments: Any) -> Any:
    """Run in a process of its own, so that its memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def make_export(folder: Path, contacts: int, events: int = EVENTS) -> None:
    """Write an export as `foretell export events` would, without a store."""
    draw, kinds = np.random.default_rng(0), schemas()
    buckets = max(1, contacts // CONTACTS_A_BUCKET)
    for kind in kinds:
        (folder / kind).mkdir(parents=True)
    for bucket in range(buckets):
        ids = [f"c-{bucket:04}-{number:06}" for number in range(contacts // buckets)]
        n, rows = len(ids), len(ids) * events
        created = pa.array(np.full(n, NOW - 800 * DAY), pa.int64()).cast(kinds["contacts"].field("created_at").type)
        zones = pa.array(["Europe/Paris"] * n)
        consent = pa.nulls(n, pa.string())
        table = pa.table([pa.array(ids), created, zones, consent, pa.array([False] * n)], schema=kinds["contacts"])
        pq.write_table(
            table, bucket_file(folder, "contacts", bucket), compression=COMPRESSION, use_dictionary=DICTIONARIES
        )
        pq.write_table(kinds["attributes"].empty_table(), bucket_file(folder, "attributes", bucket))
        pq.write_table(
            _events(draw, ids, rows, kinds["events"]),
            bucket_file(folder, "events", bucket),
            compression=COMPRESSION,
            use_dictionary=DICTIONARIES,
        )
    manifest = BucketManifest("bench", buckets, contacts // buckets * buckets, contacts * events, NOW, NOW - DAY)
    manifest.write(folder)


def _events(draw: np.random.Generator, ids: list[str], rows: int, schema: Any) -> pa.Table:
    at = np.sort(draw.integers(NOW - 700 * DAY, NOW - DAY, (len(ids), rows // len(ids))), axis=1).ravel()
    type_ = draw.integers(0, len(TYPES), rows).astype(np.int32)
    owner = pa.DictionaryArray.from_arrays(
        np.repeat(np.arange(len(ids), dtype=np.int32), rows // len(ids)), pa.array(ids)
    )
    ordered = type_ == TYPES.index("order_placed")
    texts = [f"campaign-{number}" for number in range(50)]
    campaign = pa.DictionaryArray.from_arrays(draw.integers(0, 50, rows).astype(np.int32), pa.array(texts))
    columns = [
        owner.cast(pa.string()),
        pa.DictionaryArray.from_arrays(
            np.arange(rows, dtype=np.int32) % (rows // len(ids)), pa.array([f"e{n}" for n in range(rows // len(ids))])
        ).cast(pa.string()),
        pa.DictionaryArray.from_arrays(type_, pa.array(TYPES)).cast(pa.string()),
        pa.array(at, pa.int64()).cast(schema.field("occurred_at").type),
        pa.array(np.where(ordered, draw.gamma(2, 20, rows), 0.0), mask=~ordered),
        pa.nulls(rows, pa.string()),
        campaign.cast(pa.string()),
        pa.nulls(rows, pa.string()),
        pa.array(np.ones(rows, dtype=np.int8)),
    ]
    return pa.table(columns, schema=schema)


def fixed_model() -> ScoringModel:
    """Return the golden model with trees of a fixed size, which no contact has reached the outcome of."""
    model = ScoringModel.load(GOLDEN)
    draw = np.random.default_rng(1)
    values = draw.random((4_000, len(model.feature_set)))
    labels = (values[:, :10].sum(axis=1) + draw.normal(0, 1, 4_000) > 5).astype(float)
    parameters = {"objective": "binary", "num_leaves": 15, "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5}
    booster = lightgbm.train(parameters, lightgbm.Dataset(values, labels), num_boost_round=200)
    return replace(model, learner=Trees(booster.model_to_string()), reached_by=())


def pinned_model() -> PinnedModel:
    """Pin it, without any registry."""
    return PinnedModel(CAPABILITY, Champion("1", "d", fixed_model()), "customer", CUTOFF, NOW, 0)


def measure_buckets(folder: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Predict from an export; return seconds of the processor by step, and what it took of memory and disk."""
    pinned, manifest = pinned_model(), BucketManifest.read(folder)
    _alone(pinned, read_bucket(folder, manifest, 0))  # imports what is imported at the first use
    took = dict.fromkeys(("read", "predict", "join", "total", "engine", "trees"), 0.0)
    parts = []
    for bucket in range(manifest.buckets):
        began = time.process_time()
        bulk = read_bucket(folder, manifest, bucket)
        read = time.process_time()
        parts.append(folder / f"part-{bucket:05}.parquet")
        with parts[-1].open("wb") as target:
            write_answers(target, "parquet", pinned, bulk)
        written = time.process_time()
        took["read"] += read - began
        took["predict"] += written - read
        engine, trees = _alone(pinned, bulk)
        took["engine"] += engine
        took["trees"] += trees
    began = time.process_time()
    with (folder / "result.parquet").open("wb") as target:
        format_of("parquet").join(target, parts)
    took["join"] = time.process_time() - began
    took["total"] = sum(took[name] for name in ("read", "predict", "join"))
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    return took, {"megabytes": megabytes, "bytes": float((folder / "result.parquet").stat().st_size)}


def _alone(pinned: PinnedModel, bulk: Any) -> tuple[float, float]:
    """Measure the matrix and the trees of the same contacts, with their pasts in memory."""
    model: Any = pinned.champion.model
    typed = replace(bulk.events, type=seen_types(bulk.events.type, bulk.human)).taken(bulk.human != MACHINE)
    pasts = from_columns(bulk.contacts, typed)
    contact, cutoffs = np.arange(len(pasts), dtype=np.int32), np.full(len(pasts), NOW, dtype=np.int64)
    began = time.process_time()
    values = matrix(model.feature_set, pasts, contact, cutoffs)
    middle = time.process_time()
    model.learner.booster.predict(values, raw_score=True, num_threads=1)
    return middle - began, time.process_time() - middle


def measure_store(home: Path, contacts: int) -> tuple[float, float]:
    """Predict from SQLite, as a batch of the worker does; return seconds and megabytes."""
    settings = Settings(home=home)
    home.mkdir()
    migrate(settings)
    database = open_database(settings)
    database.create_account("bench", created_at=NOW)
    store = database.of("bench")
    _fill(store, contacts)
    predictor = BatchPredictor(store, [pinned_model()])
    ids, parts = [f"c-{number:06}" for number in range(contacts)], []
    began = time.process_time()
    for start in range(0, contacts, 5_000):
        rows = predictor.rows([orjson.dumps({"id": one}) for one in ids[start : start + 5_000]])
        parts.append(home / f"part-{start:08}.parquet")
        with parts[-1].open("wb") as target:
            format_of("parquet").write(target, rows)
    with (home / "result.parquet").open("wb") as target:
        format_of("parquet").join(target, parts)
    seconds = time.process_time() - began
    database.close()
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024


def _fill(store: AccountStore, contacts: int) -> None:
    since = NOW - 800 * DAY
    store.contacts.put_bulk(
        (ContactRow(f"c-{n:06}", since, "Europe/Paris") for n in range(contacts)), recorded_at=since
    )
    store.events.add_bulk(_rows(contacts))


def _rows(contacts: int) -> Iterator[EventRow]:
    draw = np.random.default_rng(2)
    for number in range(contacts):
        at, kinds = draw.integers(NOW - 700 * DAY, NOW - DAY, EVENTS).tolist(), draw.integers(0, 6, EVENTS).tolist()
        for place, (instant, kind) in enumerate(zip(at, kinds, strict=True)):
            yield EventRow(f"c-{number:06}", f"e{place}", TYPES[kind], instant, NOW - DAY, None, None, None, f"c{kind}")


if __name__ == "__main__":
    main()
