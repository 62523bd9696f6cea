"""The command `foretell`: composes the command groups; whatever is heavy is imported by the command that needs it."""

import os
from typing import Annotated

import typer

from foretell.cli import (
    accounts,
    attribution,
    contacts,
    data,
    data_report,
    dead_letters,
    deliveries,
    exports,
    holdouts,
    items,
    messages,
    models,
    outcomes,
    predict,
    predictions,
    running,
    sources,
    store,
    subscriptions,
    training,
)
from foretell.cli.failures import OneSentence
from foretell.cli.options import examples

app = typer.Typer(
    name="foretell",
    cls=OneSentence,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Self-hosted predictions for marketing automation.",
    epilog=examples(
        "foretell demo && foretell up",
        "foretell import --contacts contacts.csv --events events.parquet --static all",
        "foretell outcomes set customer --event deal_won --within 90d",
        "foretell train scoring --outcome customer",
    ),
)
app.command("up", epilog=running.UP_EXAMPLES)(running.up)
app.command("console", epilog=running.CONSOLE_EXAMPLES)(running.console)
app.command("demo", epilog=running.DEMO_EXAMPLES)(running.demo)
app.command("import", epilog=data.IMPORT_EXAMPLES)(data.import_files)
app.add_typer(exports.app, name="export")
app.add_typer(exports.frames_app, name="frames")
app.add_typer(data_report.app, name="data")
app.add_typer(outcomes.app, name="outcomes")
app.add_typer(training.app, name="train")
app.add_typer(models.app, name="models")
app.add_typer(running.mlflow_app, name="mlflow")
app.command("predict", epilog=predict.PREDICT_EXAMPLES)(predict.predict)
app.add_typer(predictions.app, name="predictions")
app.add_typer(holdouts.app, name="holdouts")
app.command("attribution", epilog=attribution.ATTRIBUTION_EXAMPLES)(attribution.attribution)
app.add_typer(accounts.app, name="accounts")
app.add_typer(accounts.keys_app, name="keys")
app.add_typer(subscriptions.app, name="subscriptions")
app.add_typer(deliveries.app, name="deliveries")
app.add_typer(sources.app, name="sources")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(contacts.app, name="contacts")
app.add_typer(items.app, name="items")
app.add_typer(messages.app, name="messages")
app.command("audit", epilog=accounts.AUDIT_EXAMPLES)(accounts.audit)
app.command("worker", epilog=running.WORKER_EXAMPLES)(running.worker)
app.add_typer(store.app, name="store")
app.command("openapi", epilog=store.OPENAPI_EXAMPLES)(store.openapi)


def _show_version(value: bool) -> None:
    if value:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"foretell {version('foretell')}")
        except PackageNotFoundError:
            typer.echo("foretell (run from its sources)")
        raise typer.Exit


@app.callback()
def root(
    *,
    account: Annotated[
        str | None,
        typer.Option("--account", "-a", help="Whose data and models; also behind each command.", metavar="NAME"),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", envvar="FORETELL_DEBUG", help="Show tracebacks.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Self-hosted predictions for marketing automation."""


def main() -> None:
    """Run the command line."""
    os.umask(0o077)  # what a command writes is for its own user
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    app(prog_name="foretell")
