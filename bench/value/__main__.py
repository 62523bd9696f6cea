"""`python -m bench.value FOLDER`: accuracy of value on public data beside textbook models and plain rules, as Markdown.

FOLDER holds online_retail_lines.parquet (docs/benchmarks.md says where it comes from); Complete Journey comes from its
package. `--only NAME` runs one of retail, journey, agreement, speed; `--write` puts the tables into
docs/benchmarks.md. Exits 1 when a figure that is wanted is not reached.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from bench.churn import data
from bench.value.agreement import Agreement, compared
from bench.value.shops import ShopResult, Wanted, measured_shop
from bench.value.speed import Speed, measured_speed
from shared.evaluation.metrics import Interval

BEGIN, END = "<!-- value: made by python -m bench.value -->", "<!-- /value -->"
HEADER = (
    "| model | mean absolute error | above ours (paired) | Spearman | total, too much or too little "
    "| in the 80 % interval |\n|---|---|---|---|---|---|"
)
SLOWEST = 2.0
"""How many times the time of a score one value may take."""


def _progress(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def _money(one: Interval | None) -> str:
    return "–" if one is None else f"{one.value:,.1f} ({one.low:,.1f} to {one.high:,.1f})"


def _share(one: Interval | None, sign: str = "") -> str:
    return "–" if one is None else f"{one.value:{sign}.1%} ({one.low:{sign}.1%} to {one.high:{sign}.1%})"


def shop_table(found: ShopResult) -> str:
    """Write one shop as Markdown."""
    missed = f"Not reached: {'; '.join(found.missed)}." if found.missed else "All that was wanted is reached."
    tenths = ", ".join(f"{expected:,.0f} / {actual:,.0f}" for expected, actual in found.deciles)
    lines = [
        f"**{found.name}**: {found.customers:,} customers, who spent {found.mean:,.1f} on average. Served: "
        f"{found.served}. Wanted before totals are recalibrated: an error of at most {found.wanted.error:g} and a "
        f"Spearman of at least {found.wanted.spearman:g}. {missed}",
        "",
        HEADER,
    ]
    for row in found.rows:
        cells = (
            row.model, _money(row.error), _money(row.worse_by), str(row.spearman), _share(row.bias, "+"),
            _share(row.covered),
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"Expected / came by tenth of the customers, the lowest first: {tenths}."])


def agreement_table(found: list[Agreement]) -> str:
    """Write what two implementations say of the same customers."""
    lines = [
        "**Closed forms beside the library `lifetimes`** (the same parameters on every customer with an order; largest "
        "differences):",
        "",
        "| shop | customers | chance to be alive | expected orders | order value | its parameters | ours |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in found:
        numbers = [", ".join(f"{number:.3g}" for number in named) for named in (one.theirs, one.ours)]
        lines.append(
            f"| {one.name} | {one.customers:,} | {one.alive:.1e} | {one.orders:.1e} of it "
            f"| {one.order_value:.1e} of it | {numbers[0]} | {numbers[1]} |"
        )
    return "\n".join([*lines, "", "Parameters: r, alpha, a, b of BG/NBD; p, q, gamma of Gamma-Gamma."])


def speed_table(found: list[Speed]) -> str:
    """Write the processor time of one contact."""
    lines = [
        "**Time for one contact with three reasons**, processor time beside scoring's in the same process:",
        "",
        "| what | scoring | value | times |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {one.name} | {one.scoring * 1e3:.2f} ms | {one.value * 1e3:.2f} ms | {one.times:.2f} |" for one in found
    ]
    return "\n".join(lines)


def main() -> int:
    """Run, print, perhaps write."""
    parser = argparse.ArgumentParser(prog="python -m bench.value", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=["retail", "journey", "agreement", "speed"])
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    shops: dict[str, tuple[Callable[[], data.Shop], Wanted]] = {
        "retail": (lambda: data.online_retail(given.folder), Wanted(631, 0.546, 665, None, covers_total=True)),
        "journey": (data.complete_journey, Wanted(68.4, 0.772, 68.4, (0.76, 0.84), covers_total=False)),
    }
    texts, missed = [], []
    for name, (make, wanted) in shops.items():
        if given.only in (None, name):
            found = measured_shop(make(), wanted, _progress)
            texts.append(shop_table(found))
            missed += [f"{name}: {what}" for what in found.missed]
    if given.only in (None, "agreement"):
        agreed = [compared(make()) for make, _ in shops.values()]
        texts.append(agreement_table(agreed))
        missed += [f"agreement on {one.name}" for one in agreed if not one.holds]
    if given.only in (None, "speed"):
        speeds = measured_speed()
        texts.append(speed_table(speeds))
        missed += [f"speed: {one.name}" for one in speeds if one.times > SLOWEST]
    text = "\n\n".join(texts)
    print(text)
    if given.write:
        page = Path(__file__).parents[2] / "docs" / "benchmarks.md"
        before, _, rest = page.read_text().partition(BEGIN)
        page.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")
    if missed:
        print(f"not reached: {'; '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
