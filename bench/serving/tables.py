"""What was measured, as Markdown: goals, loads, and on which machine. Pure but for the look at the machine."""

import os
import platform
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import psutil

from bench.serving.arithmetic import Load, Void
from bench.serving.goals import Verdict, p50, p99, rate
from bench.serving.peers import Peer, versions
from bench.serving.rounds import Measured

DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks.md"
OPENING, CLOSING = "<!-- serving: made by python -m bench.serving -->", "<!-- /serving -->"


def goal_table(verdicts: Sequence[Verdict]) -> str:
    """Write each goal, what was measured, and whether it is met."""
    lines = ["| # | goal | measured: median (range) | met |", "|---|---|---|---|"]
    lines += [f"| {one.number} | {one.goal} | {one.measured} | {one.met} |" for one in verdicts]
    return "\n".join(lines)


def load_table(found: Measured) -> str:
    """Write every load: medians over the rounds, and the range of the rate."""
    lines = [
        "| load | connections | requests/s (range) | rows/s | p50 ms | p99 ms | CPU ms a request |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, cell in found.cells.items():
        if name in found.voids:
            lines.append(f"| {name} | {cell.connections} | void: {found.voids[name]} | | | | |")
            continue
        speed = found.spread(name, rate)
        rows = f"{speed.middle * cell.rows:,.0f}" if cell.rows > 1 else ""
        middles = [f"{found.spread(name, figure).middle:,.2f}" for figure in (p50, p99, cpu_ms)]
        range_ = f"{speed.middle:,.1f} ({speed.least:,.1f} to {speed.most:,.1f})"
        lines.append(f"| {name} | {cell.connections} | {range_} | {rows} | {' | '.join(middles)} |")
    return "\n".join(lines)


def cpu_ms(load: Load) -> float:
    """Return the processor time of a request."""
    return load.cpu_ms


def machine() -> str:
    """Say on what was measured, and which commit."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    ours = ", ".join(f"{name} {version(name)}" for name in ("lightgbm", "numpy", "uvicorn", "sqlalchemy"))
    memory = psutil.virtual_memory().total / 1e9
    return (
        f"{os.cpu_count()} cores ({model}), {memory:.0f} GB, Python {platform.python_version()}, {ours}; "
        f"commit {commit()}."
    )


def commit() -> str:
    """Return the commit of this tree, and whether it was changed since."""
    said = [
        subprocess.run(["git", *words], capture_output=True, text=True, check=False, cwd=Path(__file__).parent).stdout
        for words in (["rev-parse", "--short=10", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
    ]
    return f"{said[0].strip() or 'unknown'}{' with changes' if said[1].strip() else ''}"


def report(found: Measured, verdicts: Sequence[Verdict], texts: Sequence[str], *, said: str) -> str:
    """Write the whole section.

    Args:
        found: by the rounds.
        verdicts: in any order.
        texts: paragraphs and tables that come after.
        said: how it was measured.
    """
    parts = [f"{machine()} {said}"]
    if verdicts:
        parts.append(goal_table(sorted(verdicts, key=lambda one: one.number)))
    if found.cells:
        parts.append(load_table(found))
    return "\n\n".join([*parts, *texts])


def released(listed: Sequence[Peer], cache: Path) -> str:
    """Say which releases the other model servers are."""
    said = []
    for peer in listed:
        with suppress(Void, OSError):
            said.append(versions(peer, cache))
    return "; ".join(dict.fromkeys(said)) + "." if said else ""


def write(text: str) -> None:
    """Put the section in its place in docs/benchmarks.md."""
    page = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = page.partition(OPENING)
    _, _, after = rest.partition(CLOSING)
    DOCUMENT.write_text(f"{before}{OPENING}\n{text}\n{CLOSING}{after}", encoding="utf-8")


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
