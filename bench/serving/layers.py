"""Where the time of one call goes: samples of both processes under load, by what the code at work is for.

py-spy takes the samples from outside: nothing in the product knows of it.
"""

import re
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.serving.arithmetic import Load, Void
from bench.serving.environments import python_of
from bench.serving.processes import ROOT, Running

PY_SPY = ("py-spy==0.4.3",)
RATE = 400
LAYERS = ("parse", "auth", "read", "features", "predict", "reasons", "serialise", "log", "http", "other")
RULES: Sequence[tuple[str, str]] = (
    # The first rule that any frame of a stack meets decides, wherever in the stack that frame is: from the narrow to
    # the wide. A rule is a pattern for "file:function"; one that meets nothing any more costs its layer, not the run.
    (r"PredictionLog|:Answering\._log|exchange\.py:record|shared/http/telemetry|logging/__init__", "log"),
    (r"contributions|_explanations|features/reasons|features/phrases|reason", "reasons"),
    (r"auth\.py|credentials|rate_limits|limits/|gateway/context|:verified|:signed", "auth"),
    (r"learners/|evaluation/calibration|lightgbm", "predict"),
    (r"shared/features/|timeline/|:matrix|:predict$", "features"),
    (r"shared/store/|sqlalchemy|sqlite3|psycopg|:pasts", "read"),
    (r"request_contacts|contracts/validation|contracts/contact|merge_inline|json/decoder|:loads", "parse"),
    (r"contracts/prediction|json/encoder|:dumps|:model_dump|:to_json|serialise|response", "serialise"),
    (r"uvicorn|starlette|fastapi|httptools|aiohttp|httpx|httpcore|asyncio|uvloop|anyio|shared/http/", "http"),
)
WAITING = re.compile(r"(\w+\.)?(_worker|wait|select|get|_wait_for_tstate_lock|_bootstrap) \(")
"""Innermost frames of threads that have nothing to do: py-spy takes some of them for busy."""
_FRAME = re.compile(r"(?P<function>.*) \((?P<file>[^()]*?)(?::\d+)?\)$")


def layer_of(stack: Sequence[str]) -> str:
    """Return the layer of a stack, its frames written as py-spy does: `function (file:line)`, the outermost first.

    >>> layer_of(["run (uvicorn/server.py:60)", "pasts (shared/store/contacts.py:200)"])
    'read'
    >>> layer_of(["run (uvicorn/server.py:60)"])
    'http'
    """
    frames = [f"{found['file']}:{found['function']}" for frame in stack if (found := _FRAME.match(frame))]
    for pattern, layer in RULES:
        if any(re.search(pattern, frame) for frame in frames):
            return layer
    return "other"


def counted(folded: str) -> Counter[str]:
    """Count samples of threads at work by layer; each line is a stack, joined by semicolons, and how often it was seen.

    >>> counted("run (uvicorn/server.py:60);pasts (shared/store/contacts.py:200) 3")
    Counter({'read': 3})
    """
    found: Counter[str] = Counter()
    for line in folded.splitlines():
        stack, _, times = line.rpartition(" ")
        # The root may be in the path of every file: "reason" in its name would decide everything.
        frames = stack.replace(f"{ROOT}/", "").split(";")
        if not WAITING.match(frames[-1]):
            found[layer_of(frames)] += int(times)
    return found


def table(found: dict[str, tuple[float, Counter[str]]]) -> str:
    """Write milliseconds of processor time of one call, by layer and process.

    Args:
        found: by process, its processor time of a call in milliseconds, and its samples by layer.
    """
    lines = [f"| layer | {' | '.join(f'{name}, ms' for name in found)} |", f"|---|{'---:|' * len(found)}"]
    for layer in LAYERS:
        shares = [each * samples[layer] / max(1, samples.total()) for each, samples in found.values()]
        if any(shares):
            lines.append(f"| {layer} | {' | '.join(f'{share:.2f}' for share in shares)} |")
    lines.append(f"| all | {' | '.join(f'{each:.2f}' for each, _ in found.values())} |")
    return "\n".join(lines)


def sampled(
    processes: Sequence[Running], load: Callable[[], Load], cache: Path, folder: Path, *, seconds: float
) -> dict[str, tuple[float, Counter[str]]]:
    """Sample processes while a load is on them.

    Args:
        processes: one each.
        load: puts it on, and lasts longer than the sampling.
        cache: where environments are kept.
        folder: for the samples.
        seconds: how long.

    Raises:
        Void: py-spy cannot be installed, or may not look into other processes here.
    """
    program = python_of(cache / "py-spy", PY_SPY).with_name("py-spy")
    before = [one.cpu_seconds() for one in processes]
    plain = load()
    each = [1e3 * (one.cpu_seconds() - was) / plain.requests for one, was in zip(processes, before, strict=True)]

    def sample(one: Running) -> Counter[str]:
        into = folder / f"{one.name}.folded"
        options = ["--format", "raw", "--full-filenames", "--rate", str(RATE), "--duration", str(max(1, int(seconds)))]
        command = [str(program), "record", *options, "--output", str(into), "--pid", str(one.processes[0])]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode or not into.exists():
            raise Void(f"py-spy: {(ran.stderr.strip().splitlines() or ['no samples'])[-1]}")
        return counted(into.read_text())

    with ThreadPoolExecutor(len(processes) + 1) as threads:
        loaded = threads.submit(load)
        samples = list(threads.map(sample, processes))
        loaded.result()
    return {one.name: (cost, seen) for one, cost, seen in zip(processes, each, samples, strict=True)}
