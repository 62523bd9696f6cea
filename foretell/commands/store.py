"""`foretell store` and `foretell openapi`: what an installation needs before processes start."""

from pathlib import Path
from typing import Annotated

import typer

from foretell.options import examples

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
    from shared.settings import Settings, read
    from shared.store import migrate as migrate_store

    settings = read(Settings)
    if settings.store_url is None:
        home.prepare(settings.home)
        home.refuse_lost_store(settings.home)
    migrate_store(settings, revision=revision)
    typer.echo(f"The store is at {revision}.")


def openapi(
    *,
    into: Annotated[
        Path, typer.Option(help="Folder for one file a capability.", file_okay=False, metavar="FOLDER")
    ] = Path("gateway/openapi"),
) -> None:
    """Write each service's OpenAPI document, from which the gateway composes its own."""
    from foretell.documents import write_documents

    for path in write_documents(into):
        typer.echo(f"Wrote {path}.")
