"""`foretell mlflow`: the registry as MLflow shows it, for data scientists."""

import os
from typing import Annotated

import typer

from foretell.cli.options import examples

app = typer.Typer(
    no_args_is_help=True,
    help="Look at runs, versions, figures and plots in MLflow's own pages.",
    epilog=examples("foretell mlflow ui", "foretell mlflow ui --port 5050"),
)


@app.callback()
def group() -> None:
    """Look at runs, versions, figures and plots in MLflow's own pages."""


@app.command(epilog=examples("foretell mlflow ui", "foretell mlflow ui --port 5050"))
def ui(*, port: Annotated[int, typer.Option(min=1, max=65_535, help="On this machine alone.")] = 5000) -> None:
    """Open the registry's pages on this machine until Ctrl-C; of a registry server, print where it has its own."""
    from foretell import home
    from foretell.cli.output import print_note
    from shared.registry.ui import remote_address, server
    from shared.settings import Settings, read

    settings = read(Settings)
    address = remote_address(settings)
    if address is not None:
        typer.echo(f"The registry is a server and shows its own pages: open {address}")
        return
    if settings.registry_url is None:
        home.prepare(settings.home)
    shown = server(settings, port=port)
    typer.echo(f"MLflow shows the registry at {shown.address} in some seconds (Ctrl-C ends it).")
    print_note("Whoever can log in to this machine can open it: MLflow has no accounts of its own.")
    os.execve(shown.arguments[0], shown.arguments, dict(shown.environment))  # noqa: S606 - the pages are this command
