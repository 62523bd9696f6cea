"""The only place that starts, watches and stops the processes of the embedded setup."""

import http.client
import os
import shutil
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from foretell.child import launched
from foretell.programs import Program
from shared.errors import Conflict

MAX_LOG_BYTES = 20_000_000
STOP_SECONDS = 10.0
START_SECONDS = 60.0
HEALTHY_SECONDS = 60.0
MAX_BACKOFF_SECONDS = 30.0
MAX_STARTS = 3
PROBE_EVERY_SECONDS = 2.0
directly = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
"""Asks our own processes: a proxy that the environment names is for others, and would see what we sign."""


@dataclass(slots=True)
class _Child:
    program: Program
    process: ForkServerProcess
    started_at: float
    deaths: int = 0
    """How many times in a row it died young."""
    restart_at: float | None = None
    seen_healthy: bool = False
    """Whether it ever answered."""
    answers: bool = False
    """Whether it answered since its last start."""
    silent_since: float | None = None
    """Since when it has not; None: it does."""
    probe: Future[bool] | None = None
    probed_at: float = 0.0


@dataclass(slots=True)
class Supervisor:
    """Keeps one child a program alive until it is stopped.

    Children get a process group of their own, so that Ctrl-C reaches this process alone, and watch a pipe that
    only this process holds, so that none of them outlives it.
    """

    programs: Sequence[Program]
    environment: Mapping[str, str]
    logs: Path
    report: Callable[[str], None]
    hung_seconds: float = 15.0
    """How long a child that answered may leave its health check unanswered before it is started again."""
    clock: Callable[[], float] = time.monotonic
    _probes: ThreadPoolExecutor | None = None
    _children: dict[str, _Child] = field(default_factory=dict)
    _lifeline: tuple[int, int] | None = None

    def start(self) -> None:
        """Start everything; nothing is waited for."""
        self.logs.mkdir(parents=True, exist_ok=True)
        self._lifeline = os.pipe()
        self._probes = ThreadPoolExecutor(len(self.programs), thread_name_prefix="health")
        for program in self.programs:
            self._children[program.name] = _Child(program, self._launched(program), self.clock())

    def _launched(self, program: Program) -> ForkServerProcess:
        if self._lifeline is None:
            raise RuntimeError("start() comes first")
        environment, log = program.environment(self.environment), self._log(program.name)
        return launched(program.arguments, environment=environment, log=log, lifeline=self._lifeline[0])

    def _log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def wait_until_healthy(self, *, stopped: Callable[[], bool], within_seconds: float = START_SECONDS) -> bool:
        """Wait until each child answers `/healthz`.

        Args:
            stopped: called between looks; waiting ends when it returns True.
            within_seconds: for all of them together.

        Returns:
            True when all answer; False when it was stopped before.

        Raises:
            Conflict: one died, or did not answer in time; says where its log lies and how that ends.
        """
        deadline = self.clock() + within_seconds
        while not stopped():
            for child in self._children.values():
                code = child.process.exitcode
                if code is not None:
                    raise Conflict(self._not_started(child.program.name, _ending(code)))
                if not child.seen_healthy:
                    child.answers = child.seen_healthy = is_healthy(child.program.health_url)
            missing = [child.program.name for child in self._children.values() if not child.seen_healthy]
            if not missing:
                return True
            if self.clock() > deadline:
                raise Conflict(self._not_started(missing[0], f"did not answer within {within_seconds:.0f} s"))
            time.sleep(0.1)
        return False

    def _not_started(self, name: str, how: str) -> str:
        log = self._log(name)
        last = last_line(log)
        return f"{name} {how} while starting; its log is {log}" + (f" and ends with: {last}" if last else ".")

    def look(self) -> None:
        """Look once at every child: start again what died or hangs, cut logs that grew too long.

        Raises:
            Conflict: one died young too many times in a row and never answered.
        """
        now = self.clock()
        for child in self._children.values():
            cut_log(self._log(child.program.name))
            if child.restart_at is None:
                self._notice_death(child, now)
                self._notice_hang(child, now)
            elif now >= child.restart_at:
                child.process = self._launched(child.program)
                child.started_at, child.restart_at = now, None
                child.answers, child.silent_since, child.probe = False, None, None

    def _notice_death(self, child: _Child, now: float) -> None:
        code = child.process.exitcode
        if code is None:
            return
        _end_group(child.process, signal.SIGKILL)
        child.deaths = 1 if now - child.started_at > HEALTHY_SECONDS else child.deaths + 1
        if not child.seen_healthy and child.deaths >= MAX_STARTS:
            raise Conflict(self._not_started(child.program.name, _ending(code)))
        seconds = min(0.5 * 2 ** (child.deaths - 1), MAX_BACKOFF_SECONDS)
        child.restart_at = now + seconds
        self.report(
            f"{child.program.name} {_ending(code)}; starting it again in {seconds:g} s "
            f"(log: {self._log(child.program.name)})."
        )

    def _notice_hang(self, child: _Child, now: float) -> None:
        """Kill a child that has not answered for too long; its death is noticed at the next look."""
        if child.restart_at is not None or self._probes is None:
            return
        if child.probe is None:
            if now - child.probed_at >= PROBE_EVERY_SECONDS:
                child.probe, child.probed_at = self._probes.submit(is_healthy, child.program.health_url), now
            return
        if not child.probe.done():
            return
        answered, child.probe = child.probe.result(), None
        if answered:
            child.answers, child.seen_healthy, child.silent_since = True, True, None
            return
        child.silent_since = child.probed_at if child.silent_since is None else child.silent_since
        patience = self.hung_seconds if child.answers else max(self.hung_seconds, START_SECONDS)
        if now - child.silent_since >= patience:
            self.report(f"{child.program.name} has not answered for {now - child.silent_since:.0f} s; killing it.")
            _end_group(child.process, signal.SIGKILL)

    def stop(self) -> None:
        """Stop every child, politely first; none is left when this returns."""
        for child in self._children.values():
            _end_group(child.process, signal.SIGTERM)
            _end_group(child.process, signal.SIGCONT)  # one that was stopped hears it then
        deadline = self.clock() + STOP_SECONDS
        for child in self._children.values():
            child.process.join(max(0.0, deadline - self.clock()))
            if child.process.exitcode is None:
                self.report(f"{child.program.name} did not stop within {STOP_SECONDS:.0f} s and was killed.")
            _end_group(child.process, signal.SIGKILL)
            child.process.join()
        self._children.clear()
        if self._probes is not None:
            self._probes.shutdown(wait=True, cancel_futures=True)
            self._probes = None
        if self._lifeline is not None:
            for descriptor in self._lifeline:
                os.close(descriptor)
            self._lifeline = None


def is_healthy(url: str, *, timeout_seconds: float = 1.0) -> bool:
    """Whether a process answers 200 there."""
    try:
        with directly(url, timeout=timeout_seconds) as answer:
            return bool(answer.status == http.HTTPStatus.OK)
    except (OSError, urllib.error.URLError, http.client.HTTPException):
        return False


def last_line(log: Path, *, at_most: int = 300) -> str:
    """Read the last line that is not empty of a log, cut to a readable length."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8_192))
            lines = [line.strip() for line in file.read().decode(errors="replace").splitlines()]
    except OSError:
        return ""
    return next((line[:at_most] for line in reversed(lines) if line), "")


def cut_log(log: Path, *, max_bytes: int = MAX_LOG_BYTES) -> None:
    """Move what a log holds to `<name>.log.1` once it is too long; its writer appends and goes on undisturbed."""
    if not log.exists() or log.stat().st_size <= max_bytes:
        return
    shutil.copyfile(log, log.with_name(f"{log.name}.1"))
    os.truncate(log, 0)


def _end_group(process: ForkServerProcess, number: signal.Signals) -> None:
    if process.pid is None:
        return
    try:
        os.killpg(process.pid, number)
    except PermissionError:
        return
    except ProcessLookupError:  # nobody is left in the group, or a newborn has not made it yet
        if process.exitcode is None:
            with suppress(ProcessLookupError):
                os.kill(process.pid, number)


def _ending(code: int) -> str:
    if code >= 0:
        return f"stopped with exit code {code}"
    return f"was killed by {signal.Signals(-code).name}"
