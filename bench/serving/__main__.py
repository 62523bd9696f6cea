"""Every goal of serving speed, side by side in one run: `python -m bench.serving [--quick] [--only NAME]`.

Needs wrk. The other model servers run in environments of their own, made from their released packages in `--cache`.
`--quick` takes two minutes: goals 1 to 5, against MLServer and bare ASGI alone. `--home FOLDER` keeps the account.
"""

import argparse
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench.serving import cells, goals, requests, systems, tables
from bench.serving.account import Prepared, kept_or_prepared
from bench.serving.arithmetic import Void
from bench.serving.load import require_wrk
from bench.serving.rounds import Cell, Measured

MLSERVER = (systems.mlserver(0), systems.mlserver(1))


def main() -> None:
    """Prepare, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="goals 1 to 5 against MLServer and bare ASGI, 2 minutes")
    parser.add_argument(
        "--home", type=Path, help="where the account is made, or was made before; default: anew each time"
    )
    cache = Path(os.environ.get("FORETELL_BENCH_CACHE") or Path(tempfile.gettempdir()) / "foretell-bench")
    parser.add_argument("--cache", type=Path, default=cache, help="environments of others (FORETELL_BENCH_CACHE)")
    parser.add_argument("--contacts", type=int, help="with 200 events each; default: 5,000, quick 2,000")
    parser.add_argument("--rounds", type=int, help="default: 5, quick 3")
    parser.add_argument("--seconds", type=float, help="of each run; default: 4, quick 2")
    given = parser.parse_args()
    require_wrk()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        prepared = kept_or_prepared(given.home or folder / "home", given.contacts or (2_000 if given.quick else 5_000))
        found = Measured()
        with ExitStack() as stack:
            listed = started(prepared, folder, given.cache, found, stack, quick=given.quick)
            found.run(
                listed,
                rounds=given.rounds or (3 if given.quick else 5),
                seconds=given.seconds or (2.0 if given.quick else 4.0),
            )
        names = [peer.name for peer in MLSERVER]
        print(tables.machine())
        print(tables.goal_table(goals.of_requests(found, names, names)))
        print()
        print(tables.load_table(found))


def started(
    prepared: Prepared, folder: Path, cache: Path, found: Measured, stack: ExitStack, *, quick: bool
) -> list[Cell]:
    """Start what is compared round by round, and list the loads."""
    foretell = stack.enter_context(systems.foretell_running(prepared, folder))
    for question in (requests.by_id(prepared.contacts), requests.inline(1_000, 1), requests.many_by_id(prepared.few)):
        systems.require_scored(prepared, foretell.whole.port, question.bodies[0])
    listed = list(cells.of_foretell(prepared, foretell, folder, quick=quick))
    for peer in MLSERVER:
        try:
            running = stack.enter_context(systems.peer_running(peer, prepared, cache, folder))
        except Void as void:
            for what in (cells.ROW, cells.ROWS):
                found.voids[cells.named(peer.name, what)] = str(void)
            continue
        listed += cells.of_peer(peer, running, prepared, folder)
    bare = stack.enter_context(systems.program_running("bare_asgi", folder))
    return [*listed, *cells.of_booster(prepared), cells.of_bare_asgi(bare, prepared, folder)]


if __name__ == "__main__":
    main()
