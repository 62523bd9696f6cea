import json
import logging
import sys
from collections.abc import Mapping
from typing import Any

from shared.http.telemetry import JsonLines


def line_of(message: str, *arguments: object, facts: Mapping[str, Any] | None = None, failing: bool = False) -> Any:
    """What is written of a record, read again."""
    log = logging.getLogger("shared.http.exchange")
    try:
        raise ZeroDivisionError("by nothing")
    except ZeroDivisionError:
        error = sys.exc_info() if failing else None
    record = log.makeRecord(log.name, logging.INFO, "file.py", 7, message, arguments, error, extra=facts)
    record.created = 1_780_000_000.25
    return json.loads(JsonLines(static_fields={"service": "gateway"}).format(record))


def test_a_line_is_the_event_its_facts_and_when_it_was() -> None:
    line = line_of("request.answered", facts={"route": "/score", "status": 200})

    assert line == {
        "level": "INFO",
        "name": "shared.http.exchange",
        "event": "request.answered",
        "service": "gateway",
        "route": "/score",
        "status": 200,
        "at": "2026-05-28T20:26:40.250000+00:00",
    }


def test_arguments_of_a_library_s_line_are_put_in() -> None:
    assert line_of("listening on %s:%d", "localhost", 8000)["event"] == "listening on localhost:8000"


def test_a_line_about_an_error_has_its_trace() -> None:
    line = line_of("failed", failing=True)

    assert line["exc_info"].startswith("Traceback (most recent call last):\n")
    assert line["exc_info"].endswith("ZeroDivisionError: by nothing")
