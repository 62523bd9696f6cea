"""`foretell up`, `foretell demo` and `foretell worker`: what keeps Foretell running."""

from typing import Annotated

import typer

from foretell.cli.options import examples

UP_EXAMPLES = examples("foretell up", "FORETELL_HOME=/srv/foretell foretell up --host 0.0.0.0 --port 9000")
DEMO_EXAMPLES = examples("foretell demo", "foretell demo --if-needed && foretell up")
WORKER_EXAMPLES = examples("foretell worker --port 8020")


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
