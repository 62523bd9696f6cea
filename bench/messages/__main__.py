"""`python -m bench.messages FOLDER`: the policy in a made world, off-policy evaluation against known truths, its speed.

FOLDER holds open_bandit_men.csv.gz (docs/benchmarks.md says where it comes from). `--only NAME` runs one of world,
bandit, coverage, speed; `--final` tries the five other seeds of the world, and of the coverage; `--write` puts the
figures into docs/benchmarks.md. Exits 1 when a figure that is wanted is not reached.
"""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

from bench.messages.coverage import RUNS, SETTINGS, WANTED, Coverage, coverage
from bench.messages.learning import Learned, learned
from bench.messages.open_bandit import OpenBandit, open_bandit
from bench.messages.speed import DECISIONS, WANTED_SECONDS, Times, times
from bench.messages.world import DEVELOPMENT, FINAL, SENDS, WANTED_WAY, WEEKS
from services.messages.schemas import FLOOR
from shared.evaluation.metrics import Interval

PARTS = ("world", "bandit", "coverage", "speed")
COMPARED = "percentile bootstrap of snips"
"""Not ours: beside it."""


class Section(NamedTuple):
    """Figures in words, and whether they are as wanted."""

    text: str
    met: bool


def _met(met: bool) -> str:
    return "met" if met else "not met"


def world_section(found: list[Learned]) -> Section:
    """Write what became of the policy."""
    lines = [
        f"**The policy in a made world** ({WEEKS} weeks of {SENDS:,} sends, trained again after each; "
        f"{FLOOR:.0%} of the decisions by equal chances). Clicks a send on contacts who were never sent anything, "
        "as it is served, exploration included:",
        "",
        "| seed | equal chances | best single message | oracle | policy | way to the oracle | after 2, 4, 6 weeks "
        "| learning included |",
        "|---:|---:|---:|---:|---:|---:|---|---:|",
    ]
    for one in found:
        last, ways = one.last, ", ".join(f"{one.weekly[week - 1].way:.0%}" for week in (2, 4, 6))
        lines.append(
            f"| {one.seed} | {last.uniform:.2%} | {last.best_single:.2%} | {last.oracle:.2%} | {last.policy:.2%} "
            f"| {last.way:.1%} | {ways} | {one.earned:.2%} |"
        )
    met = all(one.last.passes for one in found)
    lines += ["", f"Wanted: above the best single message, and {WANTED_WAY:.0%} of the way: {_met(met)}."]
    return Section("\n".join(lines), met)


def bandit_section(found: OpenBandit) -> Section:
    """Write what one log says of the other policy."""
    rows = {name: one.value for name, one in found.estimates.items()} | {"snips by position": found.by_position}
    estimates = "; ".join(f"{name} {_share(one)}" for name, one in rows.items())
    snips = found.estimates["snips"]
    text = (
        f"**Open Bandit, men**: equal chances were seen to bring {found.seen.value:.2%} clicks an impression "
        f"({found.seen.low:.2%} to {found.seen.high:.2%}); estimated from the log of the other policy: {estimates}. "
        f"{snips.decisions:,} impressions say as much of equal chances as {snips.effective_decisions:.0f}, their "
        f"clicks as {snips.effective_rewards:.0f}. Positions come alike in both logs ({found.positions['random']} and "
        f"{found.positions['bts']}), so that weighing by position changes little. Wanted: 0.32 %, with an interval "
        f"that covers what was seen: {_met(found.met)}."
    )
    return Section(text, found.met)


def coverage_section(found: list[tuple[int, Coverage]], runs: int) -> Section:
    """Write how often intervals cover."""
    names = list(found[0][1].covered)
    lines = [
        f"**Coverage of 95 % intervals**, {runs:,} logs of 5,000 decisions each, two a contact who are alike in what "
        "nobody sees; in brackets the median width, relative to the truth:",
        "",
        f"| log and policy | seed | clicks | effective clicks | {' | '.join(names)} |",
        f"|---|---:|---:|---:|{'---:|' * len(names)}",
    ]
    for seed, one in found:
        cells = [f"{one.covered[name]:.1%} ({one.width[name]:.2f})" for name in names]
        head = f"| {one.setting.name} | {seed} | {one.clicks:.0f} | {one.effective_clicks:.0f} "
        lines.append(f"{head}| {' | '.join(cells)} |")
    missed = [
        f"{one.setting.name}, {name}: {share:.1%}"
        for _, one in found
        for name, share in one.covered.items()
        if name != COMPARED and not WANTED[0] <= share <= WANTED[1]
    ]
    wanted = f"{WANTED[0]:.0%} to {WANTED[1]:.0%}"
    said = f"Wanted: {wanted} everywhere but in the last column, which is what a plain bootstrap gives: "
    lines += ["", said + _met(not missed) + (f" ({'; '.join(missed)})." if missed else ".")]
    return Section("\n".join(lines), not missed)


def speed_section(found: Times) -> Section:
    """Write how long it takes."""
    met = found.total < WANTED_SECONDS
    return Section(
        f"**Speed**: {DECISIONS:,} decisions, 300,000 events, ten messages, one thread, processor time: columns "
        f"{found.columns:.1f} s, rewards {found.rewards:.1f} s, two policies by three methods with intervals and "
        f"differences {found.values:.1f} s. Wanted: under a minute: {_met(met)}.",
        met,
    )


def _share(one: Interval | None) -> str:
    return "refused" if one is None else f"{one.value:.2%} ({one.low:.2%} to {one.high:.2%})"


def main() -> int:
    """Run, print, perhaps write."""
    parser = argparse.ArgumentParser(prog="python -m bench.messages", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--final", action="store_true")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    seeds = FINAL if given.final else (DEVELOPMENT,)
    makers = {
        "world": lambda: world_section([learned(seed) for seed in seeds]),
        "bandit": lambda: bandit_section(open_bandit(given.folder)),
        "coverage": lambda: coverage_section(
            [(seed, coverage(one, seed, given.runs)) for one in SETTINGS for seed in seeds], given.runs
        ),
        "speed": lambda: speed_section(times()),
    }
    met = True
    for name, make in makers.items():
        if given.only in (None, name):
            found = make()
            met = met and found.met
            print(found.text, end="\n\n", flush=True)
            if given.write:
                _write(f"messages-{name}{'-final' if given.final else ''}", found.text)
    return 0 if met else 1


def _write(mark: str, text: str) -> None:
    page = Path(__file__).parents[2] / "docs" / "benchmarks.md"
    begin, end = f"<!-- {mark}: made by python -m bench.messages -->", f"<!-- /{mark} -->"
    before, _, rest = page.read_text().partition(begin)
    page.write_text(f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}")


if __name__ == "__main__":
    sys.exit(main())
