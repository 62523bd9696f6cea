"""How many files of ours one reader has to open: `python -m bench.walk [--list]`.

Counts the files whose functions run for one `POST /score` (warm: the second call with its log, in the gateway and in
the service; the server's own ticking is left out), and for one training of scoring (the command line apart: neither
its files nor what only they call), and the files of other capabilities that either one loads. A file is grazed where
no more than two of its functions run: a reader looks these up and goes on.
"""

import argparse
import inspect
import json
import os
import random
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from shared.capabilities import TABLE
from shared.settings import service_port

ROOT = Path(__file__).parents[1]
PACKAGES = ("foretell", "gateway", "services", "shared")
CONTACTS = 240
PORT = 18_940
KNOWN_SINCE = timedelta(days=300)
COMMAND_LINE = ROOT / "foretell" / "cli"
TICKING = "Server.main_loop"
"""What resumes by itself in every process that serves; it has no part in a call."""
LOGGED_SECONDS = 1.0
"""By then what a call answered is in the log: its writing belongs to that call."""
GRAZED = 2
"""So many functions of a file, at most, are looked up rather than read."""


class Walk:
    """The files whose functions run in this process while it records."""

    def __init__(self, into: Path, *, recording: bool) -> None:
        self.recording, self._into, self._seen = recording, into, set[CodeType]()
        self._of_command_line = set[threading.Thread]()
        """Threads that the command line starts, such as the one that holds a lease: called by nobody else."""

    def install(self) -> None:
        """Watch every thread; SIGUSR1 begins to record, SIGUSR2 writes what was seen."""
        begin = threading.Thread.start

        def start(thread: threading.Thread) -> None:
            if is_command_line(sys._getframe(1)):
                self._of_command_line.add(thread)
            begin(thread)

        threading.Thread.start = start  # type: ignore[method-assign]
        sys.setprofile(self._note)
        threading.setprofile(self._note)
        signal.signal(signal.SIGUSR1, self._begin)
        signal.signal(signal.SIGUSR2, self.write)

    def _begin(self, *_: Any) -> None:
        self._seen.clear()
        self.recording = True
        self._into.with_suffix(".recording").touch()

    def _note(self, frame: FrameType, event: str, _: Any) -> None:
        if not self.recording or event != "call" or frame.f_code in self._seen:
            return
        # The server looks at its clock ten times a second, whether somebody calls or not.
        if frame.f_code.co_qualname == TICKING or threading.current_thread() in self._of_command_line:
            return
        # Bodies of modules and classes run when a file is loaded, and so do their helpers: that is counted apart.
        if frame.f_code.co_flags & inspect.CO_OPTIMIZED and not is_loading(frame) and not is_command_line(frame):
            self._seen.add(frame.f_code)

    def write(self, *_: Any) -> None:
        """Write the files that ran and those that are loaded, relative to the root."""
        self.recording = False
        loaded = {str(module.__file__) for module in list(sys.modules.values()) if getattr(module, "__file__", None)}
        found = {
            "ran": sorted(ours({code.co_filename for code in self._seen})),
            "grazed": sorted(ours(grazed(self._seen))),
            "loaded": sorted(ours(loaded)),
        }
        self._into.with_suffix(".part").write_text(json.dumps(found))
        self._into.with_suffix(".part").rename(self._into)


def is_loading(frame: FrameType) -> bool:
    """Whether a frame runs because a module is being imported."""
    outer: FrameType | None = frame
    while outer is not None:
        if outer.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        outer = outer.f_back
    return False


def is_command_line(frame: FrameType) -> bool:
    """Whether the last file of `foretell` on the way to a frame is one of the command line."""
    outer: FrameType | None = frame
    while outer is not None:
        if outer.f_code.co_filename.startswith(f"{ROOT / 'foretell'}/"):
            return outer.f_code.co_filename.startswith(f"{COMMAND_LINE}/")
        outer = outer.f_back
    return False


def grazed(seen: set[CodeType]) -> set[str]:
    """Keep the files of which only one or two functions run; what stands inside a function counts with it."""
    ran = {(code.co_filename, code.co_qualname.partition(".<locals>")[0]) for code in seen}
    by = Counter(name for name, _ in ran)
    return {name for name, number in by.items() if number <= GRAZED}


def ours(files: set[str]) -> Iterator[str]:
    """Keep the files of our packages."""
    for name in files:
        path = Path(name)
        if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in PACKAGES:
            yield str(path.relative_to(ROOT))


def watched(into: Path, *words: str, recording: bool) -> list[str]:
    """Compose the command that runs a module under a walk."""
    return [sys.executable, "-m", "bench.walk", "--run", str(into), "yes" if recording else "no", *words]


def run(into: Path, recording: bool, module: str, *words: str) -> None:
    """Become a module, watched."""
    walk = Walk(into, recording=recording)
    walk.install()
    sys.argv = [module, *words]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        if recording:
            walk.write()


def prepared(home: Path, environment: dict[str, str]) -> None:
    """Import contacts who click in mails now and then, and define what is predicted of them."""
    chance, now = random.Random(7), datetime.now(UTC).replace(microsecond=0)
    contacts, events = ["id,country,created_at"], ["contact_id,id,type,occurred_at,value"]
    for number in range(CONTACTS):
        keen = number % 3 == 0
        contacts.append(f"c-{number:03},{'FR' if keen else 'US'},{(now - KNOWN_SINCE).isoformat()}")
        for day in range(2, 300, 3 if keen else 11):
            at = (now - timedelta(days=day, minutes=chance.randrange(1_000))).isoformat()
            events.append(f"c-{number:03},v-{number}-{day},email_clicked,{at},")
            if chance.random() < (0.12 if keen else 0.02):
                events.append(f"c-{number:03},o-{number}-{day},order_placed,{at},{chance.randrange(10, 90)}")
    for name, lines in (("contacts", contacts), ("events", events)):
        (home / f"{name}.csv").write_text("\n".join(lines) + "\n")
    files = ["--contacts", str(home / "contacts.csv"), "--events", str(home / "events.csv"), "--static", "country"]
    for words in (
        ["import", *files],
        ["outcomes", "set", "order", "--event", "order_placed", "--within", "30d", "--repeatable"],
    ):
        subprocess.run([sys.executable, "-m", "foretell", *words], env=environment, check=True, capture_output=True)


def trained(folder: Path, environment: dict[str, str]) -> dict[str, list[str]]:
    """Train scoring under a walk."""
    into = folder / "training.json"
    command = watched(into, "foretell", "train", "scoring", "--outcome", "order", recording=True)
    subprocess.run(command, env=environment, check=True, capture_output=True, cwd=ROOT)
    found: dict[str, list[str]] = json.loads(into.read_text())
    return found


@contextmanager
def serving(folder: Path, environment: dict[str, str], name: str, words: list[str], port: int) -> Iterator[Any]:
    """Run one process under a walk until it answers; yields what ends the walk and reads it."""
    into = folder / f"{name}.json"
    command = watched(into, *words, "--port", str(port), recording=False)
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=ROOT)
    try:
        until(lambda: is_up(port), process)

        def begin() -> None:
            process.send_signal(signal.SIGUSR1)
            until(into.with_suffix(".recording").exists, process)

        def end() -> dict[str, list[str]]:
            process.send_signal(signal.SIGUSR2)
            until(into.exists, process)
            found: dict[str, list[str]] = json.loads(into.read_text())
            return found

        yield begin, end
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def until(holds: Any, process: "subprocess.Popen[bytes]") -> None:
    """Wait until something holds, as long as a process lives."""
    for _ in range(1_200):
        if holds():
            return
        if process.poll() is not None:
            raise SystemExit(f"a process ended: {process.args}")
        time.sleep(0.05)
    raise SystemExit(f"nothing came of {process.args}")


def is_up(port: int) -> bool:
    """Whether a process is ready."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def scored(home: Path) -> None:
    """Send one call about one stored contact through the gateway."""
    body = json.dumps({"contacts": [{"id": "c-000"}], "outcome": "order"}).encode()
    key = (home / "keys" / "default").read_text().strip()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}/score", body, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - ours
        assert json.load(answer)["predictions"][0]["status"] == "ok"


def called(folder: Path, environment: dict[str, str], service: list[str]) -> list[dict[str, list[str]]]:
    """Walk one warm call through gateway and service."""
    home = Path(environment["FORETELL_HOME"])
    with (
        serving(folder, environment, "service", service, service_port(PORT, "scoring")) as (begin, end),
        serving(folder, environment, "gateway", ["gateway"], PORT) as (begin_outside, end_outside),
    ):
        scored(home)
        time.sleep(LOGGED_SECONDS)
        begin(), begin_outside()
        scored(home)
        time.sleep(LOGGED_SECONDS)
        return [end_outside(), end()]


def show(title: str, files: set[str], grazed: set[str] | None = None, *, listed: bool) -> None:
    """Print how many, by package, how many of these are grazed, and which."""
    by = {package: sum(name.startswith(f"{package}/") for name in files) for package in PACKAGES}
    only = f"; {len(grazed & files)} of them grazed" if grazed else ""
    print(f"{title}: {len(files)} files ({', '.join(f'{name} {count}' for name, count in by.items() if count)}{only})")
    for name in sorted(files) if listed else ():
        print(f"  {name}{'  (grazed)' if grazed and name in grazed else ''}")


def of_others(files: list[str]) -> set[str]:
    """Keep the files of capabilities other than scoring."""
    others = tuple(f"services/{line.name}/" for line in TABLE if line.name != "scoring")
    return {name for name in files if name.startswith(others)}


def main() -> None:
    """Prepare an account, train, serve, call, and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true", help="name the files")
    listed = parser.parse_args().list
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("FORETELL_")},
            "FORETELL_HOME": str(folder / "home"),
            "FORETELL_PORT": str(PORT),
            "FORETELL_SIGNING_KEY": "s" * 64,
            "FORETELL_IDENTITY_KEY": "i" * 64,
            "FORETELL_CHAMPION_POLL_SECONDS": "3600",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "PYTHONPATH": str(ROOT),
        }
        prepared(folder, environment)
        training = trained(folder, environment)
        subprocess.run([sys.executable, "-c", KEY_FILE], env=environment, check=True, capture_output=True)
        generic = (ROOT / "services" / "__main__.py").exists()
        calls = called(folder, environment, ["services", "scoring"] if generic else ["services.scoring.api"])
    gateway, service = calls
    ran = {*gateway["ran"], *service["ran"]}
    # A file that both processes run is grazed where neither one reads more of it.
    only = {name for name in ran if all(name in one["grazed"] or name not in one["ran"] for one in calls)}
    show("POST /score, gateway and service", ran, only, listed=listed)
    show("  of it the gateway", set(gateway["ran"]), listed=False)
    show("  of it the service", set(service["ran"]), listed=False)
    show("  loaded of other capabilities", of_others(service["loaded"]), listed=listed)
    own = {name for name in training["ran"] if not name.startswith("foretell/")}
    show("training of scoring, the command line apart", own, set(training["grazed"]), listed=listed)
    show("  loaded of other capabilities", of_others(training["loaded"]), listed=listed)


KEY_FILE = """
from foretell.cli.context import ensure_key, opened_database
with opened_database() as (settings, database):
    ensure_key(database, settings, "default")
"""
"""The key of the account, as `foretell up` makes it."""

if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        run(Path(sys.argv[2]), sys.argv[3] == "yes", *sys.argv[4:])
    else:
        main()
