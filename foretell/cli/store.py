"""`foretell store` and `foretell openapi`: what an installation needs before processes start."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foretell.cli.options import duration, examples
from shared.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.settings import Settings

WAIT_SECONDS = 2.0

app = typer.Typer(no_args_is_help=True, help="Look after the database.", epilog=examples("foretell store migrate"))
OPENAPI_EXAMPLES = examples("foretell openapi", "foretell openapi --into /tmp/openapi")


@app.callback()
def group() -> None:
    """Look after the database."""


@app.command(
    epilog=examples("foretell store migrate", "FORETELL_STORE_URL=postgresql+psycopg://... foretell store migrate")
)
def migrate(
    *,
    revision: Annotated[str, typer.Option(help="How far: `head`, or the id of an earlier migration.")] = "head",
) -> None:
    """Bring the store and the prediction log to this release's schema."""
    from foretell import home
    from foretell.cli.migrating import migrate_showing
    from shared.settings import Settings, read

    settings = read(Settings)
    if settings.store_url is None:
        home.prepare(settings.home)
        home.refuse_lost_store(settings.home)
    migrate_showing(settings, revision=revision)
    typer.echo(f"The store is at {revision}.")


@app.command(epilog=examples("foretell store wait", "foretell store wait --for 30m"))
def wait(
    *,
    longest: Annotated[str, typer.Option("--for", help="How long at most: 90s, 30m, 2h.", metavar="TIME")] = "10m",
) -> None:
    """Wait until the store has this release's schema; for what must not start before."""
    import time

    from foretell.cli.output import print_note
    from shared.settings import Settings, read
    from shared.store import is_migrated

    settings, until = read(Settings), time.monotonic() + duration(longest).total_seconds()
    printed = ""
    while (reason := _not_yet(settings, is_migrated)) is not None:
        if time.monotonic() > until:
            raise StoreUnavailable(f"{reason} after {longest}; is `foretell store migrate` done?")
        if reason != printed:
            print_note(f"{reason}; waiting.")
            printed = reason
        time.sleep(WAIT_SECONDS)
    typer.echo("The store has this release's schema.")


def _not_yet(settings: "Settings", is_migrated: "Callable[[Settings], bool]") -> str | None:
    try:
        return None if is_migrated(settings) else "The store has an older schema"
    except StoreUnavailable:
        return "The store cannot be reached"


def openapi(
    *,
    into: Annotated[
        Path, typer.Option(help="Folder for one file a capability.", file_okay=False, metavar="FOLDER")
    ] = Path("gateway/openapi"),
) -> None:
    """Write each service's OpenAPI document, from which the gateway composes its own."""
    from foretell.derived import write_documents

    for path in write_documents(into):
        typer.echo(f"Wrote {path}.")
