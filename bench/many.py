"""What one call about 1,000 contacts costs a service to compute and answer: of this tree, and of another one beside it.

Run: python -m bench.many [--home FOLDER] [--against TREE] [--rounds 9]. The account is that of
`bench.serving`, kept in the folder for the next time. Each tree has a process of its own, and the calls go to one and
the other in turn; the figures are medians of the processor time of a call, without HTTP and without the writer of the
prediction log. Both trees must send the same bytes.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import IO, Any, Final, cast

from pydantic import SecretStr

from bench.serving import requests
from bench.serving.account import ACCOUNT, NOTE, OUTCOME, Prepared, kept_or_prepared
from services.specs import spec_of
from shared.contracts.call import Call
from shared.errors import ModelNotReady
from shared.http.process import freeze_loaded, keep_memory_small
from shared.serving.service import Service
from shared.settings import ServiceSettings
from shared.store import open_database

HERE: Final = Path(__file__).parents[1]
CALLS: Final = 5
"""One after the other in a round, for each kind."""
SINGLE_CALLS: Final = 100
CONTACTS: Final = 400


async def service_of(home: Path) -> Service:
    """Open the service of scoring, with the settings of a process and its champion in memory."""
    # No writer of the log is started, and what finds no room in its queue is dropped.
    settings = ServiceSettings(home=home, signing_key=SecretStr(requests.SIGNING_KEY), prediction_queue=1)
    # A fixed instant: the same contacts are as old in every run of one account.
    now = datetime.fromtimestamp((home / NOTE).stat().st_mtime, UTC)
    store = open_database(settings)
    service = Service(spec_of("scoring"), settings, store, now=lambda: now, unix_seconds=lambda: 0.0)
    await service.champions.poll()
    await loaded(service)
    keep_memory_small()
    freeze_loaded()
    return service


async def loaded(service: Service) -> None:
    """Wait until the champion is in memory: on a busy machine that takes longer than a call would wait for it."""
    while True:
        with suppress(ModelNotReady):
            await service.champions.of(ACCOUNT, OUTCOME)
            return
        await asyncio.sleep(0.1)


def bodies_of(account: Prepared) -> Mapping[str, Sequence[bytes]]:
    """Return the calls of each kind."""
    stored = {"stored": [*requests.many_by_id(account.few).bodies] * CALLS}
    single = requests.by_id(account.contacts, reasons=0).bodies[:SINGLE_CALLS]
    inline = {
        "inline": requests.inline(requests.BULK, CALLS).bodies,
        "one inline": requests.inline(1, SINGLE_CALLS).bodies,
    }
    return {**stored, **inline, "one": single}


async def work(home: Path) -> None:
    """Answer the calls of a kind for each line that comes in: processor time of one, and what was sent."""
    account = kept_or_prepared(home, CONTACTS, everything=False)
    service, bodies = await service_of(home), bodies_of(account)
    for line in sys.stdin:
        calls, sent = bodies[line.strip()], sha256()
        before = time.process_time()
        for body in calls:
            answer = await service.answering.answer(body, Call(ACCOUNT, ("predict",), "bench", 600.0))
            sent.update(answer.body)
        took = (time.process_time() - before) / len(calls)
        print(json.dumps({"ms": 1e3 * took, "sent": sent.hexdigest()}), flush=True)


Worker = tuple[IO[str], IO[str]]
"""Where a worker is asked, and where it answers."""


@contextmanager
def worker(tree: Path, given: argparse.Namespace) -> Iterator[Worker]:
    """Run this file with the code of a tree."""
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "OPENBLAS_NUM_THREADS"), "1")
    command = [sys.executable, __file__, "--work", "--home", str(given.home)]
    environment = {**os.environ, **one_thread, "PYTHONPATH": str(tree)}
    piped = subprocess.PIPE
    child = subprocess.Popen(command, env=environment, cwd=given.home, stdin=piped, stdout=piped, text=True)
    with child, cast(IO[str], child.stdin) as asked, cast(IO[str], child.stdout) as answers:
        yield asked, answers


def ask(child: Worker, kind: str) -> Mapping[str, Any]:
    """Let a worker answer calls of a kind."""
    asked, answers = child
    print(kind, file=asked, flush=True)
    found: Mapping[str, Any] = json.loads(answers.readline())
    return found


def measured(trees: Sequence[Path], kinds: Sequence[str], given: argparse.Namespace) -> dict[tuple[str, int], float]:
    """Measure trees in alternation; the first round warms up and does not count."""
    found: dict[tuple[str, int], list[float]] = {}
    with ExitStack() as stack:
        children = [stack.enter_context(worker(tree, given)) for tree in trees]
        for number in range(given.rounds + 1):
            for kind in kinds:
                turns = list(enumerate(children))[:: 1 if number % 2 else -1]
                answers = {place: ask(child, kind) for place, child in turns}
                if len({answer["sent"] for answer in answers.values()}) > 1:
                    raise SystemExit(f"{kind}: the trees do not send the same")
                for place, answer in answers.items():
                    found.setdefault((kind, place), []).append(answer["ms"])
    return {key: median(figures[1:]) for key, figures in found.items()}


def main() -> None:
    """Measure and print, or be the process of a tree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, help="keeps the account (default: made and thrown away)")
    parser.add_argument("--against", type=Path, help="another checkout")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        asyncio.run(work(given.home))
        return
    trees = [HERE, *([given.against.absolute()] if given.against else [])]
    kinds = ("inline", "stored", "one", "one inline")
    with tempfile.TemporaryDirectory() as folder:
        given.home = (given.home or Path(folder) / "home").absolute()
        kept_or_prepared(given.home, CONTACTS, everything=False)
        costs = measured(trees, kinds, given)
    print(f"| call | {' | '.join(str(tree) for tree in trees)} |")
    print(f"|---|{'---:|' * len(trees)}")
    for kind in kinds:
        print(f"| {kind} | {' | '.join(f'{costs[kind, place]:.2f}' for place in range(len(trees)))} |")


if __name__ == "__main__":
    main()
