"""`python -m bench.segments FOLDER`: what segments explain, how far they hold, how fast they are, as Markdown.

FOLDER holds online_retail_lines.parquet (docs/benchmarks.md says where it comes from); Complete Journey comes from its
package. `--write` puts the tables into docs/benchmarks.md. Exits 1 when the groups explain surely less than the plain
score, agree less than the reference, or change who is who.
"""

import argparse
import sys
from pathlib import Path

from bench.segments.data import complete_journey, online_retail
from bench.segments.judging import HEADER, Result, judged
from bench.segments.methods import compared
from bench.segments.speed import speed

BEGIN, END = "<!-- segments: made by python -m bench.segments -->", "<!-- /segments -->"


def main() -> int:
    """Run, print, perhaps write."""
    parser = argparse.ArgumentParser(prog="python -m bench.segments", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    shops = [online_retail(given.folder), complete_journey()]
    results = [result for shop in shops for result in judged(shop)]
    text = "\n\n".join(
        [
            "\n".join([HEADER, *(result.line() for result in results)]),
            _holding(results),
            compared(shops),
            speed(shops[0]),
        ]
    )
    print(text)
    if given.write:
        page = Path(__file__).parents[2] / "docs" / "benchmarks.md"
        before, _, rest = page.read_text().partition(BEGIN)
        page.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")
    missed = [result.name for result in results if not result.holds]
    if missed:
        print(f"below the reference: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


def _holding(results: list[Result]) -> str:
    """Write the table of agreement and identity, one row a data set."""
    lines = [
        "| data, at its end | segments | 80 % subsamples agree (adjusted Rand) | reference | silhouette, own places "
        "| silhouette, log RFM | same id after another seed and one more week |",
        "|---|---|---|---|---|---|---|",
    ]
    seen: set[str] = set()
    for result in results:
        if result.shop not in seen:
            seen.add(result.shop)
            lines.append(result.holding_line())
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
