"""`foretell import`: contacts and events from files."""

from pathlib import Path
from typing import Annotated

import typer

from foretell.options import DEFAULT_ACCOUNT, AccountOption, JsonOption, examples
from shared.errors import BadRequest

IMPORT_EXAMPLES = examples(
    "foretell import --contacts contacts.csv --events events.parquet",
    "foretell import --contacts leads.csv.gz --static country,industry --max-errors 100",
)


def import_files(
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    contacts: Annotated[
        Path | None, typer.Option(help="CSV, NDJSON (both also .gz) or Parquet.", metavar="FILE")
    ] = None,
    events: Annotated[Path | None, typer.Option(help="CSV, NDJSON (both also .gz) or Parquet.", metavar="FILE")] = None,
    static: Annotated[
        str | None,
        typer.Option(help="Attributes that held always, so that training may use them undated.", metavar="NAMES|all"),
    ] = None,
    max_errors: Annotated[
        int | None, typer.Option(min=0, help="Stop after so many bad rows. Default: never.", metavar="N")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Load files; the same file twice changes nothing, a bad row goes to a rejects file beside the source."""
    from foretell.importing import Import
    from foretell.opening import identity_key, opened_account
    from foretell.showing import show_rows

    if contacts is None and events is None and static is None:
        raise BadRequest("Give --contacts FILE, --events FILE, or both.")
    with opened_account(account) as (settings, _, store):
        if static is not None:
            store.declare_static("all" if static == "all" else _names(static))
        run = Import(store, identity_key(settings), max_errors)
        summaries = run.load(contacts, events)
    show_rows([one.to_row() for one in summaries], as_json=json, empty="The attributes are declared static.")


def _names(listed: str) -> list[str]:
    return [name.strip() for name in listed.split(",") if name.strip()]
