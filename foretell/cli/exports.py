"""`foretell export` and `foretell frames`: files for other programs and machines, and for models trained elsewhere."""

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
frames_app = typer.Typer(
    no_args_is_help=True,
    help="Write training frames for a model of your own; `foretell models adopt` takes it in.",
    epilog=examples("foretell frames export scoring --outcome customer --out frames"),
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


@frames_app.callback()
def group() -> None:
    """Write training frames for a model of your own; `foretell models adopt` takes it in."""


@frames_app.command(
    "export", epilog=examples("foretell frames export scoring --outcome redeem --account demo --out frames")
)
def frames(
    capability: Annotated[str, typer.Argument(help="Which question: scoring.")],
    *,
    outcome: Annotated[str, typer.Option("--outcome", "-o", help="What is predicted.", metavar="NAME")],
    out: Annotated[Path, typer.Option("--out", help="A new folder; only you can read it.", metavar="FOLDER")],
    account: AccountOption = DEFAULT_ACCOUNT,
) -> None:
    """Write frames as the training sees them; those of the last test period are kept back, to judge what comes back."""
    from foretell.cli.context import capability_name, opened_account
    from foretell.cli.output import print_note, progress_bars
    from services.specs import recipe_of, spec_of
    from shared.registry.registration import MlflowRegistry
    from shared.training.elsewhere import adoptable_outcome, export_frames

    recipe = recipe_of(spec_of(capability_name(capability)))
    with opened_account(account) as (settings, _, store), progress_bars() as bars:
        task = bars.add_task("exporting frames", total=None)
        wanted = adoptable_outcome(recipe, store, outcome)
        manifest = export_frames(recipe, store, MlflowRegistry.of(settings), wanted, out, now=now_us())
        bars.update(task, total=1, completed=1)
    print_note(
        f"{manifest.frames:,} frames of {manifest.contacts:,} contacts with {len(manifest.columns)} features written "
        f"to {out}; {manifest.held_back_frames:,} newer frames were kept back to judge what comes back."
    )
