"""kill -9 between a decision and its answer: whatever was answered is in the store."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from threading import Condition, Thread
from typing import Any

import pytest

from shared.contracts.call import CALL_HEADER, Call, SignedContent, signed
from shared.contracts.rows import now_us
from shared.settings import Settings
from shared.store import Database, MessageChange, open_database
from tests.e2e.golden_home import golden_home

pytestmark = pytest.mark.slow
KEY, PATH = "k" * 32, "/next-best-message"
CALLERS, KILLS = 4, 3


class Callers:
    """Ask for contacts one after the other, each in a campaign of its own, and keep what was answered."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.answered: dict[str, str] = {}
        """By decision the message."""
        self.failed: list[str] = []
        """Contacts whose answer was lost."""
        self.ending = False
        self._more = Condition()
        self._threads = [Thread(target=self._run, args=(number,)) for number in range(CALLERS)]

    def __enter__(self) -> "Callers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending = True
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        place = 0
        while not self.ending:
            place += 1
            contact = f"c-{number}-{place}"
            try:
                (one,) = self.ask(contact)
            except (OSError, HTTPException):
                self.failed.append(contact)
            else:
                with self._more:
                    self.answered[one["decision_id"]] = one["message"]
                    self._more.notify_all()

    def wait_for(self, more: int) -> None:
        """Wait until so many more are answered."""
        with self._more:
            wanted = len(self.answered) + more
            assert self._more.wait_for(lambda: len(self.answered) >= wanted, timeout=120)

    def ask(self, contact: str) -> list[Any]:
        contacts = [{"id": contact, "attributes": {"country": "FR"}}]
        body = json.dumps({"contacts": contacts, "campaign_id": "june", "control_share": 0}).encode()
        now = time.time()
        call = Call(account="default", scopes=("predict",), request_id="r", deadline_at=now + 20)
        header = signed(call, SignedContent("POST", PATH.encode(), body), KEY.encode(), now=now)
        request = urllib.request.Request(self.base + PATH, body, {CALL_HEADER: header})  # noqa: S310
        with urllib.request.urlopen(request, timeout=20) as reply:  # noqa: S310
            found: list[Any] = json.loads(reply.read())["predictions"]
        return found


def listening(base: str, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the service is ready."""
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"{base}/readyz", timeout=10) as reply:  # noqa: S310
                if reply.status == 200:
                    return
        except urllib.error.URLError:
            pass
    raise AssertionError("the service ended")


def rows(database: Database) -> dict[str, tuple[str, str | None]]:
    scanned = database.of("default").experiments.decisions.scan("clicked", 0, now_us() + 1)
    return {row.decision_id: (row.contact_id, row.message_id) for part in scanned for row in part}


def test_no_answered_decision_is_missing_after_kill_9(tmp_path: Path, unused_tcp_port: int) -> None:
    home, base = golden_home(tmp_path / "var", registered=False), f"http://127.0.0.1:{unused_tcp_port}"
    database = open_database(Settings(home=home), b"i" * 32)
    changes = [MessageChange(name, {}) for name in ("delivery", "news", "sale")]
    database.of("default").experiments.messages.put(changes, at=now_us())
    command = [sys.executable, "-m", "services", "messages", "--port", str(unused_tcp_port)]
    environment = {**os.environ, "FORETELL_HOME": str(home), "FORETELL_SIGNING_KEY": KEY}

    def started() -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        listening(base, process)
        return process

    process = started()
    try:
        with Callers(base) as callers:
            for _ in range(KILLS):
                callers.wait_for(30)
                process.kill()
                process.wait()
                process = started()
        stored = rows(database)
        lost = {contact for contact, _ in stored.values()} & {*callers.failed}
        again = {contact: callers.ask(contact)[0]["decision_id"] for contact in sorted(lost)}
    finally:
        process.kill()
        process.wait()

    assert len(callers.answered) >= 90
    assert {one: (stored[one][1] if one in stored else "missing") for one in callers.answered} == callers.answered
    assert all(stored[decision][0] == contact for contact, decision in again.items())
    database.close()
