"""Options that several commands share, declared once; and the only place that reads durations such as `30d` or `1w`."""

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shared.errors import BadRequest

if TYPE_CHECKING:
    from shared.contracts.outcome import Moment

DEFAULT_ACCOUNT = "default"
EXIT_CODES = "Exit codes: 0 done, 1 failed, 2 wrong command line or setting, 3 too little data or gate not passed."
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_SHAPE = re.compile(r"(\d{1,9})([smhdw])")


def _resolved(ctx: typer.Context, value: str) -> str:
    """Take what stands behind the command, else what stands before it, else the environment, else the default."""
    before: Any = ctx.find_root().params.get("account")
    source = ctx.get_parameter_source("account")
    given_behind = source is not None and source.name == "COMMANDLINE"
    return value if given_behind or not before else str(before)


AccountOption = Annotated[
    str,
    typer.Option(
        "--account",
        "-a",
        envvar="FORETELL_ACCOUNT",
        help="Whose data and models.",
        metavar="NAME",
        callback=_resolved,
    ),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do it; nothing is ever asked.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of a table.")]
CapabilityOption = Annotated[
    str, typer.Option("--capability", "-c", help="Which question: a name of the capability table.", metavar="NAME")
]


def examples(*lines: str) -> str:
    """Compose the epilog of a command's help: examples, then what the exit codes mean."""
    unwrapped = "\b"
    return "\n".join([unwrapped, "Examples:", *(f"  {line}" for line in lines), "", EXIT_CODES])


def duration(text: str) -> timedelta:
    """Read a duration: a whole number and one of s, m, h, d, w.

    Raises:
        BadRequest: it is written otherwise.

    >>> duration("36h")
    datetime.timedelta(days=1, seconds=43200)
    """
    match = _SHAPE.fullmatch(text.strip())
    if match is None:
        raise BadRequest(f"'{text}' is not a duration; write a whole number and s, m, h, d or w, such as 30d or 1h.")
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def whole_days(text: str, *, most: int = 365) -> int:
    """Read a duration of 1 to 365 whole days, or to another maximum.

    Raises:
        BadRequest: not a duration, not whole days, or out of bounds.

    >>> whole_days("2w")
    14
    """
    days = duration(text) / timedelta(days=1)
    if not days.is_integer() or not 1 <= days <= most:
        raise BadRequest(f"'{text}' must be between 1 and {most} whole days, such as 30d or 4w.")
    return int(days)


def moment(text: str) -> "Moment":
    """Read a moment of asking: `form_submitted` or `form_submitted+1h`.

    Raises:
        BadRequest: no event type, or what follows the plus is not a duration.

    >>> moment("form_submitted+1h")
    Moment(event_type='form_submitted', after_seconds=3600)
    """
    from shared.contracts.outcome import Moment

    event_type, plus, after = text.partition("+")
    seconds = int(duration(after).total_seconds()) if plus else 0
    try:
        return Moment(event_type=event_type.strip(), after_seconds=seconds)
    except ValueError as error:
        raise BadRequest(
            f"'{text}' is not a moment; write a snake_case event type and up to 365 days, such as form_submitted+1h."
        ) from error
