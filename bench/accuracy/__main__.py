"""`python -m bench.accuracy FOLDER`: every data set of the folder, and the table as Markdown.

FOLDER holds x_education_leads.csv.gz, telco_churn.csv.gz, olist_mql.csv.gz, olist_closed_deals.csv.gz and
loan_funnel_events.parquet (docs/benchmarks.md says where they come from); Complete Journey comes from its package.
`--only NAME` runs one; `--write` puts the table into docs/benchmarks.md. Exits 1 when a figure misses its reference.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from bench.accuracy import events, flat, made
from bench.accuracy.judging import HEADER, Result

BEGIN, END = "<!-- accuracy: made by python -m bench.accuracy -->", "<!-- /accuracy -->"


def _progress(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def main() -> int:
    """Run, print, perhaps write."""
    parser = argparse.ArgumentParser(prog="python -m bench.accuracy", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    runs: dict[str, Callable[[], list[Result]]] = {
        "x_education": lambda: [flat.x_education(given.folder, _progress)],
        "telco": lambda: [flat.telco(given.folder, _progress)],
        "olist": lambda: [events.olist(given.folder, _progress)],
        "loan_funnel": lambda: events.loan_funnel(given.folder, _progress),
        "complete_journey": lambda: [events.complete_journey(_progress)],
        "made": lambda: [made.telephone(_progress)],
    }
    results = [result for name, run in runs.items() if given.only in (None, name) for result in run()]
    table = "\n".join([HEADER, *(result.line() for result in results)])
    leaks = flat.x_education_with_leaks(given.folder) if given.only in (None, "x_education") else []
    text = f"{table}\n\nWith the nine leaking columns left in, X Education's leak check names: {'; '.join(leaks)}."
    print(text)
    if given.write:
        page = Path(__file__).parents[2] / "docs" / "benchmarks.md"
        before, _, rest = page.read_text().partition(BEGIN)
        page.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")
    missed = [result.name for result in results if not result.holds]
    if missed:
        print(f"below the reference: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
