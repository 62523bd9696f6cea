"""`foretell export`: an account's contacts and events as files that other programs and machines can read."""

from pathlib import Path
from typing import Annotated

import typer

from foretell.cli.options import DEFAULT_ACCOUNT, AccountOption, examples
from shared.contracts.rows import now_us

app = typer.Typer(
    no_args_is_help=True,
    help="Write contacts and events as Parquet.",
    epilog=examples("foretell export events --to export"),
)


@app.command(epilog=examples("foretell export events --to export", "foretell export events --to export --buckets 256"))
def events(
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    to: Annotated[Path, typer.Option("--to", help="A new folder; only you can read it.", metavar="FOLDER")],
    buckets: Annotated[int, typer.Option(min=1, max=1_000, help="How many parts, each with whole contacts.")] = 64,
) -> None:
    """Write contacts, attributes and events in buckets by a hash of the contact's id, each contact in order of time."""
    from foretell.cli.context import opened_account
    from foretell.cli.output import print_note, progress_bars
    from shared.batches.buckets import export

    with opened_account(account) as (_, _, store), progress_bars() as bars:
        task = bars.add_task("exporting", total=None)
        manifest = export(store, to, buckets, at=now_us(), progress=lambda done: bars.update(task, completed=done))
        bars.update(task, total=1, completed=1)
    print_note(f"{manifest.contacts:,} contacts and {manifest.events:,} events written to {to}.")
