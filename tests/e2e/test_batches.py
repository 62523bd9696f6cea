"""Batches with the processes that a user has: a worker killed with -9, and the file that it would have made."""

import json
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from shared.capabilities import TABLE
from shared.contracts.rows import DAY, ContactRow, EventRow
from shared.settings import Settings
from shared.store import open_database
from tests.e2e.golden_home import golden_home
from tests.e2e.installation import Installation, children, free_ports, read_greeting, until

CONTACTS = 8_000
"""Two parts: enough for a kill between the first and the last."""
MOMENT_SECONDS = 0.02
MODELS = ("scoring", "segmentation")
SETTINGS = {
    "FORETELL_BATCH_LEASE_SECONDS": "2",
    "FORETELL_RESCORE_SHARE": "0.001",
    "FORETELL_RETRAIN_SEGMENTATION_DAYS": "0",
}
"""The worker is to work on batches: it rests once it has scored a thousand contacts, and trains nothing."""
CUTOFF = "2026-06-01T00:00:00Z"
ASKED = {"capabilities": ["scoring"], "contacts": "all", "outcome": "customer", "cutoff": CUTOFF, "format": "ndjson"}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Two golden models and some thousand contacts."""
    folder = golden_home(tmp_path_factory.mktemp("batches") / "var", registered=False, capabilities=MODELS)
    fill(folder)
    return Installation(folder, free_ports(), SETTINGS)


@pytest.fixture(scope="module")
def up(installation: Installation) -> Iterator["subprocess.Popen[str]"]:
    """What runs everything."""
    with installation.start() as process:
        read_greeting(process)
        yield process
        process.send_signal(signal.SIGINT)


@pytest.fixture
def running(installation: Installation, up: "subprocess.Popen[str]") -> Installation:
    """Everything on it."""
    assert up.poll() is None
    return installation


def fill(home: Path) -> None:
    database = open_database(Settings(home=home), b"i" * 32)
    store = database.of("default")
    since = 1_780_272_000_000_000 - 200 * DAY
    store.contacts.put_bulk((ContactRow(f"c-{n:05}", since) for n in range(CONTACTS)), recorded_at=since)
    kinds = ("email_sent", "email_opened", "email_clicked", "order_placed")
    store.events.add_bulk(
        EventRow(f"c-{n:05}", f"e{k}", kind, since + (n * (k + 1)) % 190 * DAY, since)
        for n in range(CONTACTS)
        for k, kind in enumerate(kinds)
    )
    database.close()


def asked(installation: Installation, **changed: Any) -> str:
    status, batch = installation.asked("/batches", {**ASKED, **changed})
    assert status == 202, batch
    return str(batch["id"])


def shown(installation: Installation, batch: str) -> dict[str, Any]:
    status, found = installation.asked(f"/batches/{batch}", method="GET")
    assert status == 200, found
    return dict(found)


def ended(installation: Installation, batch: str) -> dict[str, Any]:
    assert until(lambda: over(installation, batch), seconds=300)
    return shown(installation, batch)


def result(installation: Installation, batch: str) -> bytes:
    key = (installation.home / "keys" / "default").read_text().strip()
    request = urllib.request.Request(
        f"http://127.0.0.1:{installation.port}/batches/{batch}/result", headers={"Authorization": f"Bearer {key}"}
    )
    with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310 - our own gateway
        content: bytes = answer.read()
    return content


def working_on(batch: str) -> list[psutil.Process]:
    """Find the processes that work on a batch."""
    return [one for one in psutil.process_iter(["cmdline"]) if batch in (one.info["cmdline"] or ())]


def worker_of(installation: Installation) -> psutil.Process:
    title = f"foretell worker --port {installation.port + 1 + len(TABLE)}"
    return next(one for one in psutil.process_iter(["cmdline"]) if title in " ".join(one.info["cmdline"] or ()))


def over(installation: Installation, batch: str) -> bool:
    return shown(installation, batch)["status"] in ("completed", "failed")


def held_in_the_middle(installation: Installation, batch: str) -> psutil.Process | None:
    """Let the process that works on a batch run for moments only, and hold it once it has done a part and not all.

    Fast or slow, no machine works on a part within a moment; None: it was over before the process was seen.
    """
    assert until(lambda: bool(working_on(batch)) or over(installation, batch))
    for process in working_on(batch):
        with suppress(psutil.NoSuchProcess):
            process.suspend()
            while (done := shown(installation, batch)["progress"]["done"]) == 0:
                process.resume()
                time.sleep(MOMENT_SECONDS)
                process.suspend()
            return process if done < CONTACTS else None
    return None


def killed_in_the_middle(installation: Installation, victim: str) -> str:
    """Kill who works on a batch that has done a part and not all; one that was over before is asked for again."""
    for _ in range(10):
        batch = asked(installation)
        if process := held_in_the_middle(installation, batch):
            (process if victim == "child" else worker_of(installation)).kill()
            process.resume()
            return batch
    raise AssertionError("no batch was seen in its middle")


@pytest.fixture(scope="module")
def undisturbed(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What the command line writes about everybody: nothing happens to it."""
    out = tmp_path_factory.mktemp("undisturbed") / "scores.ndjson"
    installation.types(
        "predict", "scoring", "--all", "--outcome", "customer", "--out", str(out), "--cutoff", CUTOFF[:-1]
    )
    return out.read_bytes()


@pytest.mark.parametrize("victim", ["child", pytest.param("worker", marks=pytest.mark.slow)])
def test_a_batch_killed_in_the_middle_ends_with_the_bytes_that_the_command_line_writes(
    running: Installation, undisturbed: bytes, victim: str
) -> None:
    killed = killed_in_the_middle(running, victim)
    batch = ended(running, killed)

    assert batch["status"] == "completed"
    assert batch["progress"] == {"contacts": CONTACTS, "done": CONTACTS}
    assert sum(batch["statuses"]["scoring"].values()) == CONTACTS
    content = result(running, killed)
    assert content == undisturbed
    assert content.count(b"\n") == CONTACTS


def test_the_rows_of_a_batch_are_the_answers_of_a_call(running: Installation) -> None:
    batch = asked(running, contacts={"ids": ["c-00007", "nobody", "c-00001"]}, reasons=2)
    ended(running, batch)
    contacts = [{"id": one} for one in ("c-00007", "nobody", "c-00001")]
    body = {"contacts": contacts, "outcome": "customer", "cutoff": CUTOFF, "reasons": 2}

    _, answered = running.asked("/score", body)

    rows = [json.loads(line) for line in result(running, batch).splitlines()]
    extra = {"capability", "outcome", "version", "cutoff"}
    assert [{k: v for k, v in row.items() if k not in extra} for row in rows] == answered["predictions"]


def cancelled(installation: Installation) -> str:
    """Cancel a batch that is being worked on: one that was over before the call came is asked for again.

    Its process is not held meanwhile: it may be writing, and then nobody else can.
    """
    for _ in range(10):
        batch = asked(installation, capabilities=MODELS, reasons=10)
        assert until(lambda batch=batch: bool(working_on(batch)) or over(installation, batch))
        status, answer = installation.asked(f"/batches/{batch}/cancel", method="POST")
        if status != 409:
            assert (status, answer["status"]) == (200, "cancelled")
            return batch
    raise AssertionError("every batch was over before it could be cancelled")


def test_a_cancelled_batch_ends_its_process_and_leaves_no_file(running: Installation) -> None:
    batch = cancelled(running)

    assert until(lambda: not working_on(batch))
    assert until(lambda: not (running.home / "files" / "batches" / "default" / batch).exists())
    assert shown(running, batch)["progress"]["done"] < CONTACTS


@pytest.mark.slow
def test_who_is_erased_is_given_out_no_more(running: Installation) -> None:
    for contact_id in ("gone", "left"):  # beside those that other tests count
        assert running.asked(f"/contacts/{contact_id}", {"attributes": {"plan": "pro"}}, method="PUT")[0] < 300
    batch = asked(running, contacts={"ids": ["gone", "left"]})
    ended(running, batch)
    assert b"gone" in result(running, batch)

    running.asked("/contacts/delete", {"contact_ids": ["gone"]})
    status, problem = closed(running, batch)

    # The worker may have been there before the request.
    assert (status, problem.get("code")) in ((503, "result-not-ready"), (200, None))
    assert until(lambda: closed(running, batch)[0] == 200)
    assert [json.loads(line)["contact_id"] for line in result(running, batch).splitlines()] == ["left"]
    running.asked("/contacts/delete", {"contact_ids": ["left"]})


def closed(installation: Installation, batch: str) -> tuple[int, Any]:
    """Ask for a result; status, and the problem where there is one."""
    try:
        result(installation, batch)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
    return 200, {}


def test_it_stops_its_children_though_nobody_reads_what_it_writes(
    installation: Installation, up: "subprocess.Popen[str]"
) -> None:
    """The last test: it ends what the others work with."""
    before = children(up)
    assert before["foretell"] == worker_of(installation)
    assert up.stdout is not None
    up.stdout.close()

    up.terminate()
    up.wait(timeout=120)

    assert not any(child.is_running() for child in before.values())
