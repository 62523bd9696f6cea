"""Logs as JSON lines: an event name and its facts as fields."""

import logging
import sys
from pathlib import Path
from traceback import extract_tb

from pythonjsonlogger.orjson import OrjsonFormatter

QUIET = ("uvicorn.access", "uvicorn.error", "asyncio")


def configure(level: str, service: str) -> None:
    """Send the process's log to standard output, one JSON object a line.

    Args:
        level: DEBUG, INFO, WARNING or ERROR.
        service: put into every line.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        OrjsonFormatter(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "message": "event"},
            static_fields={"service": service},
            timestamp="at",
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def trail(error: BaseException) -> dict[str, object]:
    """Describe an unexpected error without its message, which may carry a payload.

    Returns:
        The class's name and the lines it came through, the innermost last.
    """
    frames = extract_tb(error.__traceback__)
    lines = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames[-8:]]
    return {"error": type(error).__name__, "trail": lines}
