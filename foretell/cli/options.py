"""Options that several commands share, declared once."""

from typing import Annotated, Any

import typer

DEFAULT_ACCOUNT = "default"
EXIT_CODES = "Exit codes: 0 done, 1 failed, 2 wrong command line or setting, 3 too little data or gate not passed."


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
