"""The options of a training, made from the choices that its capability declares."""

import re
from dataclasses import replace
from typing import Annotated

import pytest
from pydantic import Field

from foretell.cli.training import TrainGroup, command_of
from services.specs import spec_of
from shared.capabilities import TABLE
from shared.contracts.training import Choices, CliOption


class TwoChoices(Choices):
    """One that may be given several times, and one with bounds."""

    names: Annotated[frozenset[str], Field(description="Which."), CliOption("--name", "NAME")] = frozenset()
    count: Annotated[int | None, Field(description="How many.", ge=2, le=9), CliOption("--count", "N")] = None
    seed: int | None = None


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> str:
    """The help of a command with both choices."""
    spec = spec_of("segmentation")
    command = command_of(replace(spec, training=replace(spec.training, choices=TwoChoices)))
    with pytest.raises(SystemExit):
        command.main(["--help"])
    return capsys.readouterr().out


def test_each_choice_with_a_flag_is_an_option_and_no_other(shown: str) -> None:
    assert re.findall(r"^  (?:-\w, )?(--[a-z-]+)", shown, re.MULTILINE) == [
        "--account", "--from", "--no-promote", "--name", "--count", "--details", "--help",
    ]  # fmt: skip


def test_a_set_is_given_by_repeating_and_a_number_within_its_bounds(shown: str) -> None:
    assert re.search(r"--name NAME +Which\.", shown)
    assert re.search(r"--count N +How many\. +\[2<=x<=9\]", shown)


@pytest.mark.parametrize(("name", "is_required"), [("scoring", True), ("churn", False), ("sendtime", None)])
def test_an_outcome_is_named_where_there_is_no_default(name: str, is_required: bool | None) -> None:
    outcome = next((one for one in command_of(spec_of(name)).params if one.name == "outcome"), None)

    assert (None if outcome is None else outcome.required) is is_required


def test_the_commands_are_those_of_the_table() -> None:
    group = TrainGroup(name="train")

    assert group.list_commands(None) == [line.name for line in TABLE]
    assert group.get_command(None, "nosuch") is None
