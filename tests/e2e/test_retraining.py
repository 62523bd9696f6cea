"""Trainings with the processes that a user has: over HTTP, to a version that answers, and back; one killed with -9."""

import signal
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psutil
import pytest

from tests.e2e.installation import Installation, read_greeting, until


@pytest.fixture(scope="module")
def running(trained: Installation) -> Iterator[Installation]:
    """Everything, on an account with a trained model; leases are short."""
    trained.more.update({"FORETELL_TRAINING_LEASE_SECONDS": "2", "FORETELL_CHAMPION_POLL_SECONDS": "0.5"})
    process = trained.start()
    read_greeting(process)
    yield trained
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)


def requested(installation: Installation, path: str, body: Any = None) -> dict[str, Any]:
    status, command = installation.asked(path, {} if body is None else body)
    assert status == 202, command
    return dict(command)


def ended(installation: Installation, path: str) -> dict[str, Any]:
    def shown() -> dict[str, Any]:
        return dict(installation.asked(path, method="GET")[1])

    assert until(lambda: shown()["status"] in ("completed", "failed"), seconds=300)
    return shown()


def train(installation: Installation, **body: Any) -> dict[str, Any]:
    training = requested(installation, "/models/sendtime/train", body)
    return ended(installation, f"/models/sendtime/trainings/{training['id']}")


def switch(installation: Installation, verb: str, **body: Any) -> dict[str, Any]:
    command = requested(installation, f"/models/sendtime/{verb}", body)
    return ended(installation, f"/models/sendtime/promotions/{command['id']}")


def answering(installation: Installation) -> str | None:
    status, answer = installation.asked("/best-send-time", {"contacts": [{"id": "c-003"}]})
    return str(answer["model"]["version"]) if status == 200 else None


@pytest.mark.slow  # 40 s: four children that load MLflow
def test_a_model_trained_over_http_answers_and_a_rollback_is_one_call(running: Installation) -> None:
    first = train(running, reason="the first one")
    assert until(lambda: answering(running) == "1")
    second = train(running)
    promoted = switch(running, "promote", version="2", reason="to try it")
    assert until(lambda: answering(running) == "2")
    back = switch(running, "rollback", reason="it was worse")
    assert until(lambda: answering(running) == "1")

    assert (first["status"], first["result"]["promoted"], first["progress"]["share"]) == ("completed", True, 1.0)
    assert (second["result"]["promoted"], second["result"]["decided"]) == (False, False)
    assert (promoted["previous_version"], back["previous_version"]) == ("1", "2")
    _, history = running.asked("/models/sendtime/history", method="GET")
    assert [(one["action"], one["version"]) for one in history["entries"]] == [
        ("rolled_back", "1"),
        ("promoted", "2"),
        ("refused", "2"),
        ("trained", "2"),
        ("promoted", "1"),
        ("trained", "1"),
    ]
    assert history["entries"][0]["reason"] == "it was worse"


def killed_in_the_middle(installation: Installation) -> str:
    """Kill who trains a model, unless it was over before; then another training is killed."""
    for _ in range(5):
        training = requested(installation, "/models/scoring.order/train")["id"]
        path = f"/models/scoring.order/trainings/{training}"
        assert until(lambda path=path: installation.asked(path, method="GET")[1]["status"] != "queued")
        for process in psutil.process_iter(["cmdline"]):
            if training in (process.info["cmdline"] or ()):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        if installation.asked(path, method="GET")[1]["status"] == "running":
            return path
    raise AssertionError("no training was seen in its middle")


@pytest.mark.slow
def test_a_training_killed_in_the_middle_is_begun_again_and_ends(running: Installation) -> None:
    training = ended(running, killed_in_the_middle(running))

    assert (training["status"], training["error"]) == ("completed", None)
    assert training["result"]["decided"] is False
