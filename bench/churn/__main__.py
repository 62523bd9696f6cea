"""`python -m bench.churn FOLDER`: accuracy of churn on public data beside textbook models, as Markdown.

FOLDER holds online_retail_lines.parquet and telco_churn.csv.gz (docs/benchmarks.md says where they come from);
Complete Journey comes from its package. `--only NAME` runs one of retail, lines, journey, telco, tenure; `--write` puts
the tables into docs/benchmarks.md. Exits 1 when a figure misses its reference by more than its paired interval.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.accuracy.judging import Result
from bench.churn import contracts, data, shops
from bench.churn.contracts import TenureResult
from bench.churn.lines import LinesResult, judged_lines
from bench.churn.shops import Judged, ShopResult
from shared.evaluation.metrics import Interval

BEGIN, END = "<!-- churn: made by python -m bench.churn -->", "<!-- /churn -->"
SHOP_HEADER = (
    "| model | AUC | ours above it (paired) | log loss | above ours (paired) | lift, top tenth | ECE "
    "| calibration slope | intercept |\n|---|---|---|---|---|---|---|---|---|"
)
TENURE_HEADER = (
    "| asked at a tenure of | customers | Foretell | Cox | Kaplan-Meier | Cox above ours (paired) "
    "| Kaplan-Meier above ours (paired) |\n|---|---|---|---|---|---|---|"
)


def _progress(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def _cell(figure: Interval | float | None) -> str:
    if figure is None:
        return "–"
    return str(figure) if isinstance(figure, Interval) else f"{figure:.3f}"


def shop_table(found: ShopResult) -> str:
    """Write one shop as Markdown."""
    auc, loss = found.shop.reference
    season = ", the season seen" if found.seasonal else ", no season: too short a time"
    lines = [
        f"**{found.shop.name}**: {found.customers:,} customers, {found.base_rate:.1%} leave. The constant has a log "
        f"loss of {found.constant:.3f}, the data page's model an AUC of {auc:.3f} and a log loss of {loss:.3f}. Ours: "
        f"Brier {found.brier}; ECE of a perfect model of this size {found.perfect_error:.3f}; served {found.served}"
        f"{season}; the latest closed rows would move the hazard margin by {found.shift:+.2f}.",
        "",
        SHOP_HEADER,
    ]
    return "\n".join([*lines, *_judged_rows(found.rows)])


def lines_table(found: LinesResult) -> str:
    """Write what counting whole orders changes where a shop exports lines."""
    whole, lines = found.whole, found.lines
    title = (
        "**Online Retail as its shop exports it, an event a line**: the same customers are asked about. By its "
        f"features the shop's middle customer has ordered {whole.orders_in_a_year:g} time(s) in a year, for "
        f"{whole.mean_value:.0f} each, every {whole.days_between:.0f} days; by lines {lines.orders_in_a_year:g} times, "
        f"for {lines.mean_value:.0f} each, every {lines.days_between:.1f} days."
    )
    return "\n".join([title, "", SHOP_HEADER, *_judged_rows(found.rows)])


def _judged_rows(rows: Sequence[Judged]) -> list[str]:
    return [
        "| "
        + " | ".join(
            [
                row.model,
                *map(
                    _cell,
                    (row.auc, row.over_auc, row.log_loss, row.over_loss, row.lift, row.error, row.slope, row.intercept),
                ),
            ]
        )
        + " |"
        for row in rows
    ]


def tenure_table(found: list[TenureResult]) -> str:
    """Write Telco by tenure as Markdown."""
    lines = [
        "**Telco by tenure**: integrated Brier score over the twelve months after the question, weighted for "
        "censoring.",
        "",
        TENURE_HEADER,
    ]
    lines += [
        "| "
        + " | ".join(
            [
                row.landmark,
                f"{row.customers:,}",
                *map(_cell, (row.ours, row.cox, row.kaplan_meier, row.over_cox, row.over_kaplan_meier)),
            ]
        )
        + " |"
        for row in found
    ]
    return "\n".join(lines)


def flat_table(found: Result) -> str:
    """Write Telco flat as one sentence."""
    return (
        f"**Telco, flat** ({found.rows:,} customers, {found.positives / found.rows:.1%} left, five folds): AUC "
        f"{found.auc} (data page {found.reference_auc:.3f}), log loss {found.log_loss} (constant "
        f"{found.constant:.3f}), "
        f"slope {found.slope}, ECE {found.error:.3f} against {found.error_if_perfect:.3f} of a perfect model; served: "
        f"{found.kinds}."
    )


def main() -> int:
    """Run, print, perhaps write."""
    parser = argparse.ArgumentParser(prog="python -m bench.churn", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=["retail", "lines", "journey", "telco", "tenure"])
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    texts: list[str] = []
    missed: list[str] = []
    makers: dict[str, Callable[[], data.Shop]] = {
        "retail": lambda: data.online_retail(given.folder),
        "journey": data.complete_journey,
    }
    for name, make in makers.items():
        if given.only in (None, name):
            shop = shops.judged_shop(make(), _progress)
            texts.append(shop_table(shop))
            missed += [] if shop.holds else [name]
    if given.only in (None, "lines"):
        by_line = judged_lines(given.folder, _progress)
        texts.append(lines_table(by_line))
        over_lines = by_line.rows[1].over_auc
        missed += [] if over_lines is not None and over_lines.high >= 0 else ["lines"]
    if given.only in (None, "telco"):
        flat = contracts.telco_flat(given.folder, _progress)
        texts.append(flat_table(flat))
        missed += [] if flat.auc.high >= 0.845 else ["telco"]
    if given.only in (None, "tenure"):
        tenure = contracts.telco_tenure(given.folder, _progress)
        texts.append(tenure_table(tenure))
        missed += [] if tenure[0].over_kaplan_meier.low > 0 else ["tenure"]
    text = "\n\n".join(texts)
    print(text)
    if given.write:
        page = Path(__file__).parents[2] / "docs" / "benchmarks.md"
        before, _, rest = page.read_text().partition(BEGIN)
        page.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")
    if missed:
        print(f"below the reference: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
