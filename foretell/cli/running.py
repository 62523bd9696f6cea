"""`foretell up`, `demo` and `worker` keep Foretell running; `foretell console` and `foretell mlflow` open its pages."""

import os
from typing import Annotated

import typer

from foretell.cli.options import DEFAULT_ACCOUNT, AccountOption, examples

UP_EXAMPLES = examples("foretell up", "FORETELL_HOME=/srv/foretell foretell up --host 0.0.0.0 --port 9000")
DEMO_EXAMPLES = examples("foretell demo", "foretell demo --if-needed && foretell up")
WORKER_EXAMPLES = examples("foretell worker --port 8020")
CONSOLE_EXAMPLES = examples("foretell console", "foretell console --account demo --url https://foretell.example.com")
mlflow_app = typer.Typer(
    no_args_is_help=True,
    help="Look at runs, versions, figures and plots in MLflow's own pages.",
    epilog=examples("foretell mlflow ui", "foretell mlflow ui --port 5050"),
)


def up(
    *,
    host: Annotated[str, typer.Option(help="Where the gateway listens; the rest keeps to loopback.")] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(envvar="FORETELL_PORT", min=1, max=65_000, help="The gateway's; the rest take those after it."),
    ] = 8000,
) -> None:
    """Run every process on this machine until Ctrl-C; one that dies is started again."""
    from foretell.cli.up import run_all
    from shared.settings import Settings, read

    run_all(read(Settings), host, port)


def demo(
    *,
    if_needed: Annotated[
        bool, typer.Option("--if-needed", help="Do nothing when the sample is loaded, fresh and trained.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Load it anew though it is fresh.")] = False,
) -> None:
    """Load the sample (Complete Journey) into the account demo, train what it can answer, and promote it."""
    from foretell.cli.context import opened_database
    from foretell.cli.demonstration import demonstrate

    with opened_database() as (settings, database):
        demonstrate(settings, database, if_needed=if_needed, again=again)


def worker(
    *,
    host: Annotated[str, typer.Option(help="Where /healthz is.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Its port; 0 takes a free one.")] = 0,
) -> None:
    """Re-score contacts, deliver webhooks and delete what is too old, until stopped; `foretell up` starts one."""
    from foretell.worker import run
    from shared.settings import WorkerSettings, read

    run(read(WorkerSettings), host=host, port=port)


def console(
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    url: Annotated[
        str | None, typer.Option(help="Address of the gateway; default: FORETELL_PUBLIC_URL, else this machine.")
    ] = None,
) -> None:
    """Print a link that signs in to the console once, within an hour, with the account's key in this home."""
    from foretell import home
    from foretell.cli.greeting import console_link
    from foretell.cli.output import print_note
    from shared.errors import Conflict
    from shared.settings import Settings, read

    settings = read(Settings)
    path = settings.keys_folder / account
    if not path.exists():
        raise Conflict(f"There is no key of {account} in this home: sign in with one from foretell keys create.")
    signing_key = os.environ.get("FORETELL_SIGNING_KEY") or home.secret(settings.home, "signing_key")
    typer.echo(console_link(url or settings.resolved_public_url(), path, signing_key))
    print_note("It works once, within an hour.")


@mlflow_app.callback()
def mlflow() -> None:
    """Look at runs, versions, figures and plots in MLflow's own pages."""


@mlflow_app.command(epilog=examples("foretell mlflow ui", "foretell mlflow ui --port 5050"))
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
