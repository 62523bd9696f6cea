"""`foretell frames`: what a data scientist trains on elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from foretell.cli.options import DEFAULT_ACCOUNT, AccountOption, examples
from shared.contracts.rows import now_us

app = typer.Typer(
    no_args_is_help=True,
    help="Write training frames for a model of your own; `foretell models adopt` takes it in.",
    epilog=examples("foretell frames export scoring --outcome customer --out frames"),
)


@app.callback()
def group() -> None:
    """Write training frames for a model of your own; `foretell models adopt` takes it in."""


@app.command(epilog=examples("foretell frames export scoring --outcome redeem --account demo --out frames"))
def export(
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
    from shared.training.elsewhere import export_frames

    recipe = recipe_of(spec_of(capability_name(capability)))
    with opened_account(account) as (settings, _, store), progress_bars() as bars:
        task = bars.add_task("exporting frames", total=None)
        manifest = export_frames(recipe, store, MlflowRegistry.of(settings), outcome, out, now=now_us())
        bars.update(task, total=1, completed=1)
    print_note(
        f"{manifest.frames:,} frames of {manifest.contacts:,} contacts with {len(manifest.columns)} features written "
        f"to {out}; {manifest.held_back_frames:,} newer frames were kept back to judge what comes back."
    )
