"""`foretell train`: one command a capability of the table."""

from typing import Any

import typer
from typer.core import TyperGroup

from foretell.cli.options import examples
from shared.capabilities import NAMES


class TrainGroup(TyperGroup):
    """The commands of the table; each is made when it is needed, so that training one capability loads no other."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """List the capabilities of the table."""
        return list(NAMES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """Make the command of a capability; None where the table has no such line."""
        from foretell.cli.train_command import command_of
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
