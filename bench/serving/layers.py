"""Where the time of one call goes: samples of both processes under load, by what the code at work is for.

py-spy takes the samples from outside: nothing in the product knows of it. It also sees threads that wait for a core as
at work; how long each thread really computed, the system's scheduler says.
"""

import re
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

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
    (r"contributions|explanations|features/reasons|features/phrases|reason", "reasons"),
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
_THREAD = re.compile(r"thread \((\d+)\)")
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


def counted(folded: str) -> dict[int, Counter[str]]:
    """Count samples of threads at work by thread and layer; each line is a stack and how often it was seen.

    >>> counted("thread (7): MainThread;run (uvicorn/server.py:60);pasts (shared/store/contacts.py:200) 3")
    {7: Counter({'read': 3})}
    """
    found: dict[int, Counter[str]] = {}
    for line in folded.splitlines():
        stack, _, times = line.rpartition(" ")
        # The root may be in the path of every file: "reason" in its name would decide everything.
        thread, *frames = stack.replace(f"{ROOT}/", "").split(";")
        if (number := _THREAD.match(thread)) and not WAITING.match(frames[-1]):
            found.setdefault(int(number[1]), Counter())[layer_of(frames)] += int(times)
    return found


def shared_out(spent: Mapping[int, float], seen: Mapping[int, Counter[str]]) -> dict[str, float]:
    """Share the time that each thread computed out over the layers at which it was seen.

    >>> shared_out({7: 3.0, 8: 1.0}, {7: Counter(http=1, log=2)})
    {'http': 1.0, 'log': 2.0, 'other': 1.0}
    """
    found: dict[str, float] = {}
    for thread, time in spent.items():
        samples = seen.get(thread) or Counter(other=1)
        for layer, times in samples.items():
            found[layer] = found.get(layer, 0.0) + time * times / samples.total()
    return found


def table(found: Mapping[str, Mapping[str, float]]) -> str:
    """Write milliseconds of processor time of one call, by process and layer."""
    lines = [f"| layer | {' | '.join(f'{name}, ms' for name in found)} |", f"|---|{'---:|' * len(found)}"]
    for layer in LAYERS:
        shares = [layers.get(layer, 0.0) for layers in found.values()]
        if any(shares):
            lines.append(f"| {layer} | {' | '.join(f'{share:.2f}' for share in shares)} |")
    lines.append(f"| all | {' | '.join(f'{sum(layers.values()):.2f}' for layers in found.values())} |")
    return "\n".join(lines)


def sampled(
    processes: Sequence[Running], load: Callable[[], Load], cache: Path, folder: Path, *, seconds: float
) -> dict[str, dict[str, float]]:
    """Sample processes while a load is on them; return milliseconds of one request, by process and layer.

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
    before = [_computed(one) for one in processes]
    plain = load()
    spent = [
        {thread: 1e3 * (seconds - was.get(thread, 0.0)) / plain.requests for thread, seconds in _computed(one).items()}
        for one, was in zip(processes, before, strict=True)
    ]

    def sample(one: Running) -> dict[int, Counter[str]]:
        into = folder / f"{one.name}.folded"
        rate, lasting = str(RATE), str(max(1, int(seconds)))
        options = ["--format", "raw", "--full-filenames", "--threads", "--rate", rate, "--duration", lasting]
        command = [str(program), "record", *options, "--output", str(into), "--pid", str(one.processes[0])]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode or not into.exists():
            raise Void(f"py-spy: {(ran.stderr.strip().splitlines() or ['no samples'])[-1]}")
        return counted(into.read_text())

    with ThreadPoolExecutor(len(processes) + 1) as threads:
        loaded = threads.submit(load)
        samples = list(threads.map(sample, processes))
        loaded.result()
    return {one.name: shared_out(each, seen) for one, each, seen in zip(processes, spent, samples, strict=True)}


def _computed(one: Running) -> dict[int, float]:
    """Read how many seconds each thread of a process has computed."""
    return {each.id: each.user_time + each.system_time for each in psutil.Process(one.processes[0]).threads()}
