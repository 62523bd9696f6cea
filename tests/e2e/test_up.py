"""From files to an answer over HTTP, with the processes, sockets and signals that a user has.

And from the webhook of an email platform to an event, a changed score, and a signed delivery.
"""

import json
import signal
import socket
import subprocess
from collections.abc import Iterator

import pytest

from shared.capabilities import TABLE
from tests.e2e.installation import CONTACTS, Installation, children, free_ports, read_greeting, until
from tests.e2e.open_door import Receiver, click, coldest, listening

CLICKS = 90
Process = subprocess.Popen[str]


@pytest.fixture(scope="module")
def started() -> Iterator[list[tuple[Process, str]]]:
    """What was started, each with what it said; the last one may still run."""
    started: list[tuple[Process, str]] = []
    yield started
    end(started)


def end(started: list[tuple[Process, str]]) -> None:
    for process, _ in started:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    started.clear()


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with listening(receiver := Receiver()) as receiver.url:
        yield receiver


@pytest.fixture(scope="module")
def source(trained: Installation, receiver: Receiver) -> str:
    """Where an email platform sends clicks; the receiver has subscribed before anything is started."""
    trained.more.update(FORETELL_WEBHOOK_ALLOW_PRIVATE="true", FORETELL_RESCORE_DEBOUNCE_SECONDS="0.5")
    wanted = ("--on", "score.band_changed", "--on", "batch.completed")
    receiver.secret = trained.types("subscriptions", "add", receiver.url, *wanted).strip()
    secret = ("--secret", "postmark:Wg7rTzq2-mPx9Lc4")
    return trained.types("sources", "add", "newsletter", "--provider", "postmark", *secret).strip()


@pytest.fixture
def up(trained: Installation, source: str, started: list[tuple[Process, str]]) -> Process:
    """Everything runs, and is left to the next test unless this one ends it."""
    if not started or started[-1][0].poll() is not None:
        process = trained.start()
        started.append((process, read_greeting(process)))
    return started[-1][0]


@pytest.fixture
def down(trained: Installation, started: list[tuple[Process, str]]) -> Installation:
    """Nothing runs."""
    end(started)
    return trained


def test_a_bad_row_lies_in_the_rejects_file_and_the_same_files_again_change_nothing(trained: Installation) -> None:
    folder = trained.home.parent
    (file,) = (trained.home / "rejects" / "default").iterdir()
    rejects = file.read_text().splitlines()

    again = trained.types("import", "--events", str(folder / "events.csv"), "--json")

    assert rejects[0].startswith("line,reason,id,")
    assert rejects[1].startswith(f"{CONTACTS + 2},")
    assert json.loads(again)[0]["new"] == 0


def test_a_second_one_on_the_same_home_is_refused(trained: Installation, up: Process) -> None:
    second = trained.foretell("up", "--port", str(free_ports()))

    assert second.returncode == 1
    assert f"(process {up.pid}) already runs" in second.stderr
    assert second.stderr.count("\n") == 1


@pytest.mark.usefixtures("up")
def test_a_click_at_the_platform_is_a_changed_band_at_the_receiver(
    trained: Installation, receiver: Receiver, source: str
) -> None:
    assert until(lambda: bool(receiver.of("batch.completed")), seconds=300), "everybody has been scored"
    cold = coldest(trained)
    contact_id = str(cold["contact_id"])

    answers = [click(source, contact_id, number) for number in range(CLICKS)]
    again = click(source, contact_id, 0)

    assert answers == [{"received": 1, "new": 1, "duplicate": 0, "ignored": 0, "dead": 0, "notes": {}}] * CLICKS
    assert again == {"received": 1, "new": 0, "duplicate": 1, "ignored": 0, "dead": 0, "notes": {}}
    assert until(lambda: bool(receiver.of("score.band_changed", contact_id)), seconds=300), "the change is told"
    told = receiver.of("score.band_changed", contact_id)[-1]
    assert (told["previous_band"], told["cause"]) == (cold["band"], "events")
    assert told["score"] > cold["score"]
    (now,) = trained.score(contact_id)[1]["predictions"]
    assert now["band"] == told["band"]


def test_from_files_to_an_answer_through_a_killed_service_to_a_clean_end(
    trained: Installation, up: Process, started: list[tuple[Process, str]]
) -> None:
    installation, process, said = trained, up, started[-1][1]
    before = children(process)
    assert "curl -s" in said
    assert set(before) == {*(line.name for line in TABLE), "foretell", "gateway"}

    status, answer = installation.score("c-000", "c-001", "nobody")
    assert status == 200
    first, _, unknown = answer["predictions"]
    assert 0 < first["probability"] < 1
    assert first["band"] in {"low", "medium", "high", "very_high"}
    assert 1 <= len(first["reasons"]) <= 3
    assert unknown["status"] == "unknown_contact"

    before["scoring"].kill()
    assert until(lambda: children(process).get("scoring") not in (None, before["scoring"]))
    assert until(lambda: installation.score("c-000")[0] == 200)
    again = installation.score("c-000")[1]["predictions"][0]
    assert again["probability"] == pytest.approx(first["probability"], abs=0.01)

    def listed() -> bool:
        status, found = installation.asked("/predictions?capability=scoring&outcome=order&limit=5", method="GET")
        return status == 200 and len(found["predictions"]) == 5

    assert until(listed), "the worker scores every contact"

    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=120)

    assert process.returncode == 0
    assert "Traceback" not in rest
    assert "scoring was killed by SIGKILL; starting it again" in rest
    assert rest.endswith("Everything is stopped.\n")
    assert not any(child.is_running() for child in before.values())


@pytest.mark.slow
def test_no_process_outlives_a_parent_that_was_killed(up: Process) -> None:
    before = children(up)

    up.kill()

    assert until(lambda: not any(child.is_running() for child in before.values()), seconds=120)


def test_a_port_that_is_taken_is_one_sentence(down: Installation) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", down.port))
        taken.listen()

        refused = down.foretell("up")

    assert refused.returncode == 1
    assert refused.stderr.startswith(f"foretell: Port {down.port} (gateway) is taken")
    assert refused.stderr.count("\n") == 1
