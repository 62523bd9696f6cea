"""The only place that turns an error into one sentence on stderr and an exit code for scripts."""

from enum import IntEnum
from typing import Any

import typer
from pydantic_core import ValidationError
from typer.core import TyperGroup
from typer.exceptions import TyperException

from shared.errors import (
    BadRequest,
    FileRefused,
    ForetellError,
    InsufficientData,
    NoModelTrained,
    SettingsRefused,
    TooLittleToAttribute,
)


class ExitCode(IntEnum):
    """What the exit code means to a script."""

    OK = 0
    FAILURE = 1
    """It could not be done; the sentence says why."""
    USAGE = 2
    """The command line or a setting is wrong."""
    NOT_ENOUGH = 3
    """Too little data, no usable signal, or the gate was not passed."""


class NotPromoted(ForetellError):
    """A version was registered, and the gate did not let it answer."""


def exit_code_of(error: Exception) -> ExitCode:
    """Return the exit code that goes with an error."""
    if isinstance(error, (InsufficientData, NoModelTrained, NotPromoted, TooLittleToAttribute)):
        return ExitCode.NOT_ENOUGH
    if isinstance(error, (BadRequest, SettingsRefused, ValidationError)) and not isinstance(error, FileRefused):
        return ExitCode.USAGE
    return ExitCode.FAILURE


def sentence_of(error: Exception) -> str:
    """Say in one sentence what went wrong, without quoting data."""
    if isinstance(error, ForetellError):
        return error.detail
    if isinstance(error, ValidationError):
        return f"{error.title}: {first_mistake(error)}"
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        return f"The package {package} is missing: install Foretell with `pip install foretell[train]`."
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'A file'}: {error.strerror}."
    first = (str(error).splitlines() or [""])[0]
    return (
        f"Unexpected {type(error).__name__}: {first or 'no message'} (run `foretell --debug ...` for the whole story)."
    )


def first_mistake(error: ValidationError) -> str:
    """Say what the first mistake is and where, as an answer of the API would."""
    from shared.contracts.validation import sentence

    problem = error.errors(include_url=False, include_input=False)[0]
    place, detail = ".".join(str(part) for part in problem["loc"]), sentence(problem).rstrip(".")
    return f"{place}: {detail}." if place else f"{detail[:1].upper()}{detail[1:]}."


class OneSentence(TyperGroup):
    """A command group whose errors end in one sentence and a documented exit code, never in a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; `--debug` lets the traceback through."""
        try:
            return super().invoke(ctx)
        except (
            TyperException,
            typer.Exit,
            typer.Abort,
            BrokenPipeError,
        ):  # exits, usage errors and `| head` are spoken for already
            raise
        except Exception as error:
            if ctx.params.get("debug"):
                raise
            typer.echo(f"foretell: {sentence_of(error)}", err=True)
            raise typer.Exit(exit_code_of(error)) from error
