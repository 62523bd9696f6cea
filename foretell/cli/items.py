"""`foretell items`: the catalogue of what events name; it is loaded by `foretell import --items`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foretell.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption, examples
from shared.contracts.rows import ItemChange, now_us
from shared.errors import BadRequest, NotFound

if TYPE_CHECKING:
    from shared.store import ItemRow

app = typer.Typer(
    no_args_is_help=True,
    help="List the catalogue of items, and say which of them are recommended.",
    epilog=examples("foretell items list --prefix tea", "foretell items change tea-500g --inactive"),
)
IdsArgument = Annotated[list[str], typer.Argument(help="Your own ids of items.", metavar="ID...", show_default=False)]


@app.command("list", epilog=examples("foretell items list", "foretell items list --category Tea --switched-off"))
def list_items(
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    prefix: Annotated[str, typer.Option(help="Only those whose id or name begins so.", metavar="TEXT")] = "",
    category: Annotated[str | None, typer.Option(help="Only those of this category.", metavar="NAME")] = None,
    switched_off: Annotated[bool, typer.Option("--switched-off", help="Only those that are not active.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.", metavar="N")] = 50,
    json: JsonOption = False,
) -> None:
    """List items by id."""
    from foretell.cli.context import opened_account
    from foretell.cli.output import print_note, show_rows
    from shared.store import ItemFilter

    which = ItemFilter(category, False if switched_off else None, prefix)
    with opened_account(account) as (_, _, store):
        found, catalogue = store.items.page(limit, which=which), store.items.catalogue()
    show_rows([_laid_out(row) for row in found], as_json=json, empty="No item was found.")
    print_note(f"The catalogue has {catalogue.items:,} items, of which {catalogue.offered:,} may be recommended.")


@app.command(
    "change",
    epilog=examples("foretell items change tea-500g --inactive", "foretell items change mug-blue mug-red --in-stock"),
)
def change(
    ids: IdsArgument,
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="Whether they are recommended at all.")
    ] = None,
    in_stock: Annotated[
        bool | None, typer.Option("--in-stock/--out-of-stock", help="Whether they can be had now.")
    ] = None,
) -> None:
    """Say of items whether they are recommended; running services follow at once."""
    from foretell.cli.context import opened_account
    from foretell.cli.output import print_note

    given = {"active": active, "in_stock": in_stock}
    fields = {name: value for name, value in given.items() if value is not None}
    if not fields:
        raise BadRequest("Say --active or --inactive, --in-stock or --out-of-stock.")
    with opened_account(account) as (_, _, store), store.transaction() as together:
        done = together.items.put([ItemChange(one, fields) for one in ids], at=now_us(), creates=False)
        missing = [one for one, word in zip(ids, done, strict=True) if word == "missing"]
        if missing:
            raise NotFound(f"These are not in the catalogue, and nothing was changed: {', '.join(missing)}.")
    print_note(f"{done.count('updated'):,} of {len(ids):,} items were changed.")


@app.command("delete", epilog=examples("foretell items delete tea-500g"))
def delete(ids: IdsArgument, *, account: AccountOption = DEFAULT_ACCOUNT) -> None:
    """Take items out of the catalogue; events that name them stay."""
    from foretell.cli.context import opened_account
    from foretell.cli.output import print_note

    with opened_account(account) as (_, _, store):
        gone = store.items.delete(ids, at=now_us())
    print_note(f"{gone:,} of {len(ids):,} items were deleted.")


@app.command("export", epilog=examples("foretell items export --output items.ndjson"))
def export(
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    output: Annotated[Path, typer.Option("--output", "-o", help="A new file.", metavar="FILE")],
) -> None:
    """Write the catalogue as NDJSON, which `foretell import --items` reads again."""
    import orjson

    from foretell.cli.context import opened_account
    from foretell.cli.output import print_note

    written = 0
    with opened_account(account) as (_, _, store):
        try:
            target = output.open("xb")
        except FileExistsError as error:
            raise BadRequest(f"{output} exists already; name a new file.") from error
        with target:
            for part in store.items.scan():
                target.writelines(orjson.dumps(_laid_out(row)) + b"\n" for row in part)
                written += len(part)
    print_note(f"{written:,} items were written to {output}.")


def _laid_out(row: "ItemRow") -> dict[str, Any]:
    """Lay an item out as a file of items says it."""
    fields = row._asdict()
    return {"id": fields.pop("item_id"), **{name: value for name, value in fields.items() if name != "updated_at"}}
