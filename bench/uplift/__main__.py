"""`python -m bench.uplift FOLDER`: uplift on a mailing drawn by lot and in made worlds, as Markdown.

FOLDER holds hillstrom_email.csv.gz (docs/benchmarks.md says where it comes from). `--only` runs one part; `--write`
puts the tables into docs/benchmarks.md. Exits 1 when a figure that was wanted is not reached.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from bench.uplift.hillstrom import ARMS, LINE, Hillstrom, hillstrom
from bench.uplift.made import RUN_SIZE, RUNS, FalseClaims, Found, false_claims, found_in
from bench.uplift.world import FRESH_SEEDS, SEEDS, SIZE

BEGIN, END = "<!-- uplift: made by python -m bench.uplift -->", "<!-- /uplift -->"
LEAST_COVERED, MOST_FALSE, LEAST_TRUE = 0.91, 0.05, 0.70


def hillstrom_text(found: Hillstrom) -> tuple[str, bool]:
    """Write what was found on Hillstrom, and whether it is what was wanted."""
    evidence = found.evidence
    says = f"{evidence.surely_best} to all" if evidence.surely_best else "no arm is surely better"
    right = evidence.surely_best == ARMS[1] and not evidence.has_policy
    lines = [
        "**Hillstrom** (64,000 customers, random halves, visits of test customers whose arm agrees with the rule):",
        "",
        "| rule | visits | data page |",
        "|---|---|---|",
    ]
    pages = {
        "no mail": "0.106",
        "Mens to all": "0.187",
        "Womens to all": "0.150",
        "any of the three at random": "0.148",
        "the greatest predicted effect for each": "0.183",
    }
    order = sorted(found.values, key=lambda name: found.values[name].value)
    lines += [f"| {name} | {found.values[name]} | {pages.get(name, '')} |" for name in order]
    lines += [
        "",
        f'The product, from the first half: "{says}", a choice for each contact brings {evidence.gain} more: '
        f"{'claimed' if evidence.has_policy else 'not claimed'}. Wanted: Mens to all, no personal policy: "
        f"{_met(right)}.",
        "",
        "| extra visits, Mens against none, mailed | " + " | ".join(f"{n}0 %" for n in range(1, 11)) + " |",
        "|---|" + "---|" * 10,
        "| data page | " + " | ".join(map(str, LINE)) + " |",
        f"| {evidence.learner} (serves) | " + " | ".join(f"{one.value:.0f}" for one in found.line) + " |",
        "| 95 % interval | " + " | ".join(f"{one.low:.0f} to {one.high:.0f}" for one in found.line) + " |",
        *(f"| {name} | " + " | ".join(f"{one:.0f}" for one in line) + " |" for name, line in found.others.items()),
        "",
        f"Wanted: the data page's line at or below ours within its interval: {_met(found.reaches_line)}.",
    ]
    return "\n".join(lines), right and found.reaches_line


def four_kinds_text(found: list[Found], title: str) -> tuple[str, bool]:
    """Write what was found in the worlds of four kinds."""
    lines = [
        f"**Four kinds of contacts, {title}** ({SIZE:,} contacts to learn from, 20,000 new ones asked about):",
        "",
        "| seed | learner | persuadable: truly so | gain truly | recall | do not disturb: truly so | interval holds | "
        "of what can be gained |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in found:
        shares = (one.share_true, one.gain_truly, one.recall, one.disturbed_true, one.coverage, one.value)
        lines.append(f"| {one.seed} | {one.learner} | " + " | ".join(f"{100 * share:.1f} %" for share in shares) + " |")
    covered, true = float(np.mean([one.coverage for one in found])), float(np.mean([one.share_true for one in found]))
    fine = covered >= LEAST_COVERED and true >= LEAST_TRUE and all(one.has_policy for one in found)
    lines += [
        "",
        f"Wanted: intervals hold the mean effect of contacts alike for {LEAST_COVERED:.0%} or more (95 meant), and "
        f"{LEAST_TRUE:.0%} of those called persuadable are: {covered:.1%} and {true:.1%}: {_met(fine)}.",
    ]
    return "\n".join(lines), fine


def false_text(effect: float, found: FalseClaims) -> tuple[str, bool]:
    """Write how often something was claimed where contacts do not differ."""
    fine = found.either <= MOST_FALSE
    return (
        f"**No differences, effect {100 * effect:.0f} points for everybody** ({found.runs} worlds of {RUN_SIZE:,} "
        f"contacts): personal effects claimed in {found.personal}, a personal policy in {found.policy}. Wanted: at "
        f"most {MOST_FALSE:.0%} of runs: {_met(fine)}."
    ), fine


def _met(fine: bool) -> str:
    return "met" if fine else "not met"


def main() -> int:
    """Run, print, perhaps write."""
    parser = argparse.ArgumentParser(prog="python -m bench.uplift", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=["hillstrom", "kinds", "fresh", "none"])
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    parts = {
        "hillstrom": lambda: [hillstrom_text(hillstrom(given.folder))],
        "kinds": lambda: [four_kinds_text([found_in(seed) for seed in SEEDS], "seeds it was looked at with")],
        "fresh": lambda: [four_kinds_text([found_in(seed) for seed in FRESH_SEEDS], "fresh seeds, tried once")],
        "none": lambda: [false_text(effect, false_claims(effect, range(given.runs))) for effect in (0.0, 0.05)],
    }
    done = [one for name, part in parts.items() if given.only in (None, name) for one in part()]
    text = "\n\n".join(one for one, _ in done)
    print(text)
    if given.write:
        page = Path(__file__).parents[2] / "docs" / "benchmarks.md"
        before, _, rest = page.read_text().partition(BEGIN)
        page.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")
    return 0 if all(fine for _, fine in done) else 1


if __name__ == "__main__":
    sys.exit(main())
