from typing import Any

import pytest
import typer
from pydantic import BaseModel, ValidationError
from typer.testing import CliRunner

from foretell.cli.failures import ExitCode, OneSentence, exit_code_of, sentence_of
from shared.contracts.outcome import Outcome
from shared.errors import BadRequest, Conflict, ForetellError, InsufficientData, NotFound, SettingsRefused


def command(error: Exception) -> typer.Typer:
    app = typer.Typer(cls=OneSentence, pretty_exceptions_enable=False)

    @app.callback()
    def root(*, debug: bool = False) -> None:
        pass

    @app.command()
    def fail() -> None:
        raise error

    return app


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Conflict("x"), ExitCode.FAILURE),
        (NotFound("x"), ExitCode.FAILURE),
        (BadRequest("x"), ExitCode.USAGE),
        (InsufficientData("x"), ExitCode.NOT_ENOUGH),
        (OSError(), ExitCode.FAILURE),
    ],
)
def test_scripts_can_see_why_it_failed(error: Exception, code: ExitCode) -> None:
    assert CliRunner().invoke(command(error), ["fail"]).exit_code == code


def test_an_error_is_one_sentence_on_stderr() -> None:
    result = CliRunner().invoke(command(ForetellError("The port is taken.")), ["fail"])

    assert result.stderr == "foretell: The port is taken.\n"
    assert result.stdout == ""


def test_debug_shows_the_whole_story() -> None:
    result = CliRunner().invoke(command(Conflict("x")), ["--debug", "fail"])

    assert isinstance(result.exception, Conflict)


def test_a_bug_is_one_sentence_too() -> None:
    result = CliRunner().invoke(command(ZeroDivisionError("division by zero")), ["fail"])

    assert result.stderr.startswith("foretell: Unexpected ZeroDivisionError: division by zero (run ")
    assert result.exit_code == ExitCode.FAILURE


def test_wrong_usage_stays_usage() -> None:
    assert CliRunner().invoke(command(Conflict("x")), ["nothing"]).exit_code == ExitCode.USAGE


def test_a_wrong_setting_is_wrong_usage() -> None:
    assert exit_code_of(SettingsRefused("FORETELL_PORT is wrong.")) is ExitCode.USAGE


def test_other_validation_names_the_field() -> None:
    class Thing(BaseModel):
        size: int

    with pytest.raises(ValueError, match="size") as caught:
        Thing(size="many")

    assert sentence_of(caught.value) == "Thing: size: Send an integer."


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"event_types": tuple(f"e{number}" for number in range(11))}, "event_types: Give at most 10."),
        ({"name": "Won!"}, "name: Write it in small letters of a to z, digits and underscores; at most 63 characters."),
        ({"event_types": ("order placed",)}, "event_types.0: Write it in small letters of a to z, "),
    ],
)
def test_a_wrong_outcome_is_described_as_by_the_api(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Outcome(**{"name": "won", "capability": "scoring", "event_types": ("order_placed",), **fields})

    assert sentence_of(caught.value).startswith(f"Outcome: {sentence}")


def test_a_missing_package_says_how_to_install_it() -> None:
    assert "pip install foretell[train]" in sentence_of(ModuleNotFoundError("no", name="mlflow.pyfunc"))


def test_a_missing_file_is_named() -> None:
    assert (
        sentence_of(FileNotFoundError(2, "No such file or directory", "a.csv")) == "a.csv: No such file or directory."
    )
