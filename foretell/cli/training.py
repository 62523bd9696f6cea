"""`foretell train`: one command a capability of the table, made from what its spec declares."""

import inspect
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer
from typer.core import TyperGroup

from foretell.cli.options import DEFAULT_ACCOUNT, AccountOption, examples
from shared.capabilities import NAMES

if TYPE_CHECKING:
    from shared.contracts.training import Choices
    from shared.serving.capability_spec import AnySpec

NoPromoteOption = Annotated[
    bool, typer.Option("--no-promote", help="Register the version, whatever the gate says, and leave it at that.")
]
DetailsOption = Annotated[bool, typer.Option("--details", help="Print every figure and candidate as well.")]
ExportOption = Annotated[
    Path | None,
    typer.Option("--from", help="Learn from a folder that `foretell export events` wrote.", metavar="FOLDER"),
]
_BOUNDS = (("min", "ge"), ("max", "le"))
_KEYWORD = inspect.Parameter.KEYWORD_ONLY


class TrainGroup(TyperGroup):
    """The commands of the table; each is made when it is needed, so that training one capability loads no other."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """List the capabilities of the table."""
        return list(NAMES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """Make the command of a capability; None where the table has no such line."""
        from services.specs import spec_of

        return command_of(spec_of(cmd_name)) if cmd_name in NAMES else None


app = typer.Typer(
    cls=TrainGroup,
    no_args_is_help=True,
    help="Train, judge, register and promote a model.",
    epilog=examples("foretell train scoring --outcome customer"),
)


@app.callback()
def group() -> None:
    """Train, judge, register and promote a model."""


def command_of(spec: "AnySpec") -> Any:
    """Make the command that trains a capability.

    Args:
        spec: what it declares; its choices become options.
    """
    name, training = spec.capability.name, spec.training

    def run(**given: Any) -> None:
        from foretell.cli.context import opened_account
        from foretell.cli.training_run import train_model

        account, details, outcome = given.pop("account"), given.pop("details"), given.pop("outcome", "")
        export = given.pop("export")
        own = {key: value for key, value in given.items() if value is not None and key != "no_promote"}
        choices = training.choices(promote=not given["no_promote"], **own)
        with opened_account(account) as (settings, _, store):
            train_model(settings, store, spec, outcome, choices=choices, export=export, details=details)

    parameters = [
        *([_outcome(spec)] if spec.capability.per_outcome else []),
        inspect.Parameter("account", _KEYWORD, annotation=AccountOption, default=DEFAULT_ACCOUNT),
        inspect.Parameter("export", _KEYWORD, annotation=ExportOption, default=None),
        inspect.Parameter("no_promote", _KEYWORD, annotation=NoPromoteOption, default=False),
        *_own(training.choices),
        inspect.Parameter("details", _KEYWORD, annotation=DetailsOption, default=False),
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    lines = [f"foretell train {name} {options}".rstrip() for options in training.examples]
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(name, help=training.help, epilog=examples(*lines))(run)
    return typer.main.get_command(alone)


def _outcome(spec: "AnySpec") -> inspect.Parameter:
    training = spec.training
    option = typer.Option("--outcome", "-o", help=training.outcome_help, metavar="NAME")
    default = inspect.Parameter.empty if training.default_outcome is None else training.default_outcome
    return inspect.Parameter("outcome", _KEYWORD, annotation=Annotated[str, option], default=default)


def _own(choices: "type[Choices]") -> list[inspect.Parameter]:
    """Make an option of each choice that has a flag: several of a set, else one."""
    from shared.contracts.training import CliOption

    made = []
    for field, info in choices.model_fields.items():
        flag = next((one for one in info.metadata if isinstance(one, CliOption)), None)
        if flag is None:
            continue
        bounds = {key: getattr(one, bound) for one in info.metadata for key, bound in _BOUNDS if hasattr(one, bound)}
        option = typer.Option(flag.name, help=info.description, metavar=flag.metavar, **bounds)
        kind: Any = Annotated[_kind(info.annotation), option]
        made.append(inspect.Parameter(field, _KEYWORD, annotation=kind, default=None))
    return made


def _kind(annotation: Any) -> Any:
    """Return the type of an option: a list for a set, and always one that may be left out."""
    if annotation == frozenset[str]:
        return list[str] | None
    (kind,) = [one for one in get_args(annotation) or (annotation,) if one is not NoneType]
    return kind | None
