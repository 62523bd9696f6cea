"""What one call about 1,000 contacts costs a service to compute and answer: of this tree, and of another one beside it.

Run: python -m bench.many --home FOLDER [--against TREE] [--rounds 9] [--capability scoring]. The account is that of
`bench.serving`, kept in the folder. Each tree has a process of its own, and the calls go to one and the other in turn;
the figures are medians of the processor time of a call, without HTTP and without the writer of the prediction log.
Both trees must send the same bytes.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any, Final

HERE: Final = Path(__file__).parents[1]
CALLS: Final = 5
"""One after the other in a round, for each kind."""
CONTACTS: Final = 400


class Unlogged:
    """Takes predictions for the log, and forgets them."""

    def __getattr__(self, _: str) -> Any:
        """Do nothing, whatever is asked."""
        return lambda *_: None


async def work(home: Path, capability: str) -> None:
    """Answer calls of this process's tree, a kind for each line that comes in: processor time, and what was sent."""
    from bench.serving import requests
    from bench.serving.account import ACCOUNT, kept_or_prepared
    from services.specs import spec_of
    from shared.capabilities import TABLE
    from shared.contracts.credentials import Call
    from shared.http.process import collect_rarely, keep_memory_small
    from shared.serving.service import Service
    from shared.settings import ServiceSettings
    from shared.store import open_database

    prepared = kept_or_prepared(home, CONTACTS, everything=capability != "scoring")
    spec, path = spec_of(capability), next(line.path for line in TABLE if line.name == capability)
    settings = ServiceSettings(home=home, signing_key=requests.SIGNING_KEY)
    # A fixed instant: the same contacts are as old in every run of one account.
    now = datetime.fromtimestamp(float((home / "bench-serving.json").stat().st_mtime), UTC)
    service = Service(spec, settings, open_database(settings), now=lambda: now, unix_seconds=lambda: 0.0)
    service.answering._predictions = Unlogged()
    await service.champions.poll()
    keep_memory_small()
    collect_rarely()
    bodies = {"stored": requests.many_by_id(prepared.few, path).bodies}
    if capability == "scoring":
        bodies["inline"] = requests.inline(requests.BULK, CALLS).bodies
        bodies["one"] = requests.by_id(prepared.contacts, reasons=0).bodies[:100]
    for line in sys.stdin:
        kind = line.strip()
        before, sent = time.process_time(), sha256()
        for number in range(CALLS if kind != "one" else 100):
            call = Call(ACCOUNT, ("predict",), "bench", 600.0)
            answer = await service.answering.answer(bodies[kind][number % len(bodies[kind])], call)
            sent.update(answer.body)
        took = (time.process_time() - before) / (number + 1)
        print(json.dumps({"ms": 1e3 * took, "sent": sent.hexdigest()}), flush=True)


@contextmanager
def worker(tree: Path, given: argparse.Namespace) -> Iterator["subprocess.Popen[str]"]:
    """Run this file with the code of a tree."""
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "OPENBLAS_NUM_THREADS"), "1")
    command = [
        sys.executable,
        str(Path(__file__)),
        "--work",
        "--home",
        str(given.home),
        "--capability",
        given.capability,
    ]
    environment = {**os.environ, **one_thread, "PYTHONPATH": str(tree)}
    child = subprocess.Popen(
        command, env=environment, cwd=given.home, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield child
    finally:
        child.stdin.close()
        child.wait(30)


def ask(child: "subprocess.Popen[str]", kind: str) -> Mapping[str, Any]:
    """Let a worker answer calls of a kind."""
    child.stdin.write(f"{kind}\n")
    child.stdin.flush()
    found: Mapping[str, Any] = json.loads(child.stdout.readline())
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
    parser.add_argument("--home", type=Path, required=True, help="keeps the account")
    parser.add_argument("--against", type=Path, help="another checkout")
    parser.add_argument("--capability", default="scoring")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        asyncio.run(work(given.home, given.capability))
        return
    given.home = given.home.absolute()
    trees = [HERE, *([given.against.absolute()] if given.against else [])]
    kinds = ["inline", "stored", "one"] if given.capability == "scoring" else ["stored"]
    costs = measured(trees, kinds, given)
    print("| call | this tree, ms | other tree, ms |")
    print("|---|---:|---:|")
    for kind in kinds:
        print(f"| {kind} | {' | '.join(f'{costs[kind, place]:.2f}' for place in range(len(trees)))} |")


if __name__ == "__main__":
    main()
