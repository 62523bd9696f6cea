"""`python -m bench.recommendations FOLDER`: every method on the same candidates of the last 60 days, as Markdown.

FOLDER holds online_retail_lines.parquet (docs/benchmarks.md says where it comes from); Complete Journey comes from its
package. `--write` puts the tables into docs/benchmarks.md. Exits 1 when the blend is nowhere surely above the best
single method, or surely below it somewhere.
"""

import argparse
import sys
from pathlib import Path

from bench.recommendations.by_id import by_id
from bench.recommendations.data import complete_journey, online_retail
from bench.recommendations.held_out import HEADER, Result, result
from bench.recommendations.speed import speed

BEGIN, END = "<!-- recommendations: made by python -m bench.recommendations -->", "<!-- /recommendations -->"


def main() -> int:
    """Run, print, perhaps write."""
    parser = argparse.ArgumentParser(prog="python -m bench.recommendations", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--url", help="of a running installation with the sample trained: calls by id are timed")
    parser.add_argument("--key-file", type=Path, default=Path("var/keys/demo"))
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    results = [result(shop) for shop in (online_retail(given.folder), complete_journey())]
    text = "\n\n".join(
        [
            "\n".join([HEADER, *(line for one in results for line in one.lines())]),
            "\n".join(f"- {sentence}" for one in results for sentence in one.sentences()),
            f"Wanted: surely above the best single method on one of the two, not below on the other: {met(results)}.",
            speed(),
            *([by_id(given.url, given.key_file)] if given.url else []),
        ]
    )
    print(text)
    if given.write:
        page = Path(__file__).parents[2] / "docs" / "benchmarks.md"
        before, _, rest = page.read_text().partition(BEGIN)
        page.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")
    return 0 if met(results) == "met" else 1


def met(results: list[Result]) -> str:
    """Say whether what was wanted was reached, by recall and by NDCG of all items."""
    gains = [[one.difference(figure)[1] for one in results] for figure in ("recall", "ndcg")]
    fine = all(any(gain.low > 0 for gain in row) and all(gain.value >= 0 for gain in row) for row in gains)
    return "met" if fine else "not met"


if __name__ == "__main__":
    sys.exit(main())
