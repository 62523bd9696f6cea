"""What grows with the accounts of one service: the poll of the champions, and the memory of their models."""

import asyncio
import gc
import math
import multiprocessing
import shutil
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.queues import Queue
from pathlib import Path

from bench.growth.tables import Table
from shared.capabilities import capability
from shared.contracts.rows import DAY
from shared.serving.artifacts import Row
from shared.serving.champions import ChampionHolder
from shared.serving.metrics import ServiceMetrics
from shared.settings import Settings
from shared.store import Database, migrate, open_database

ARTIFACT = Path(__file__).parents[2] / "tests" / "contract" / "golden" / "scoring" / "lightgbm"
NOW = 20_600 * DAY
MAX_MODELS = 50
"""As a service has it where nothing else is set."""
OUTCOMES = ("customer", "opportunity")
POLLS = 30


def models(sizes: Sequence[int]) -> Table:
    """Measure polls, loads and memory, by the number of accounts; each size in a process of its own."""
    timed = ("poll ms of CPU", "memory of the models MB")
    shown = ("in memory", "load ms", "use in memory ms")
    table = Table("Accounts of one service", "accounts", (*timed, *shown), timed)
    table.note = (
        f"{len(OUTCOMES)} champions an account, the golden LightGBM model of scoring for each, at most {MAX_MODELS} of "
        "them in memory; every one is used twice in turn, which is the hardest order for a memory that forgets the "
        "least used. Load: one that made room and comes back."
    )
    context = multiprocessing.get_context("spawn")
    for size in sizes:
        results: Queue[tuple[float, ...]] = context.Queue()
        process = context.Process(target=_measured, args=(size, results))
        process.start()
        found = results.get(timeout=600)
        process.join()
        table.add(size, *found)
    return table


def _measured(accounts: int, results: "Queue[tuple[float, ...]]") -> None:
    from shared.environment import block_training_libraries

    block_training_libraries()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder))
        migrate(settings)
        database = open_database(settings)
        results.put(asyncio.run(_served(database, Path(folder), accounts)))
        database.close()


async def _served(database: Database, folder: Path, accounts: int) -> tuple[float, ...]:
    from services.scoring.model import ScoringModel

    keys = [(f"account-{number}", outcome) for number in range(accounts) for outcome in OUTCOMES]
    for account in dict.fromkeys(account for account, _ in keys):
        database.create_account(account, created_at=NOW)
    for account, outcome in keys:
        digest = f"{account}-{outcome}"
        shutil.copytree(ARTIFACT, folder / digest)
        database.of(account).models.promote("scoring", outcome, "1", digest, at=NOW, reason="bench")
    ScoringModel.load(ARTIFACT)  # the library itself is no model's memory

    async def fetch(_: Row, __: str, digest: str) -> Path:
        return folder / digest

    holder = ChampionHolder(
        capability("scoring"), database, ScoringModel.load, fetch=fetch, cache=folder / "cache",
        metrics=ServiceMetrics(), poll_seconds=5.0, max_models=MAX_MODELS,
    )  # fmt: skip
    before = _resident()
    await holder.poll()
    await holder.settled()
    loads, uses = list[float](), list[float]()
    for account, outcome in [*keys, *keys]:
        has = holder._loaded.get((account, outcome)) is not None
        start = time.process_time()
        await holder.of(account, outcome, wait_seconds=60.0)
        (uses if has else loads).append(time.process_time() - start)
    memory = _resident() - before
    kept = len(holder._loaded)
    return (1e3 * await _polls(holder), memory, kept, 1e3 * _median(loads), 1e3 * _median(uses))


async def _polls(holder: ChampionHolder) -> float:
    found = []
    for _ in range(POLLS):
        start = time.process_time()
        await holder.poll()
        found.append(time.process_time() - start)
        await holder.settled()
    return _median(found)


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2] if values else math.nan


def _resident() -> float:
    """Return this process's own memory, MB, what nobody holds given back."""
    gc.collect()
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1e3
    return 0.0
