"""`foretell predict`: many contacts answered in this process, into a file; no server need run."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foretell.cli.options import DEFAULT_ACCOUNT, AccountOption, examples
from shared.contracts.rows import microseconds, now_us
from shared.errors import BadRequest

if TYPE_CHECKING:
    from shared.batches.request import ContactSelection
    from shared.store import AccountStore

PREDICT_EXAMPLES = examples(
    "foretell predict scoring --all --outcome customer --out scores.parquet",
    "foretell predict churn --segment s1 --out leavers.csv --reasons 3",
    "foretell predict segmentation --contacts contacts.csv --out segments.ndjson",
    "foretell export events --to export && foretell predict scoring --from export --out scores.parquet",
)
_ENDINGS = {".parquet": "parquet", ".ndjson": "ndjson", ".jsonl": "ndjson", ".csv": "csv"}


def predict(
    capability: Annotated[str, typer.Argument(help="Which question: a name of the capability table.")],
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    every: Annotated[bool, typer.Option("--all", help="All contacts of the account.")] = False,
    segment: Annotated[
        str | None,
        typer.Option(help="Who is in this segment, by id or name, by the latest prediction.", metavar="NAME"),
    ] = None,
    contacts: Annotated[
        Path | None, typer.Option(help="The contacts of a file: NDJSON, CSV or Parquet.", metavar="FILE")
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option("--from", help="All contacts of a folder that `foretell export events` wrote.", metavar="FOLDER"),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Where to: .parquet, .ndjson or .csv; only you can read it.")],
    outcome: Annotated[
        str | None, typer.Option("--outcome", "-o", help="Which outcome; default: the account's.", metavar="NAME")
    ] = None,
    reasons: Annotated[int, typer.Option(min=0, max=10, help="Reasons a contact; they take many times longer.")] = 0,
    cutoff: Annotated[
        datetime | None,
        typer.Option(
            help="Only what happened before this instant (UTC) is seen; default: now, or when it was exported."
        ),
    ] = None,
) -> None:
    """Write predictions about many contacts into a file, a row each, in the order of their ids or of the file."""
    from foretell.cli.context import capability_name, opened_account
    from foretell.cli.output import print_note
    from foretell.cli.prediction_run import Predicting, written
    from shared.batches.buckets import BucketManifest

    chosen = _selection(every=every, segment=segment, contacts=contacts, export=export)
    if out.suffix.lower() not in _ENDINGS:
        raise BadRequest("Name a file that ends in .parquet, .ndjson or .csv.")
    _require_writable(out)
    if contacts is not None and out.exists() and out.samefile(contacts):
        raise BadRequest(f"{out} holds the contacts; name another file for the answers.")
    now = now_us()
    if cutoff is not None and microseconds(_utc(cutoff)) > now:
        raise BadRequest("The cutoff must not lie in the future; leave it out to predict from now.")
    with opened_account(account) as (settings, _, store):
        model = _model(store, capability_name(capability), outcome)
        if segment is not None:
            chosen = _segment(store, segment)
        at = now if export is None else BucketManifest.read(export).exported_at
        at = at if cutoff is None else microseconds(_utc(cutoff))
        form = _ENDINGS[out.suffix.lower()]
        run = Predicting(settings, store, model, chosen, contacts, at, now, reasons, form, export)
        counts = written(run, out)
    total = sum(counts.values())
    print_note(f"{total:,} contacts written to {out}: " + _in_words(counts) if total else "No contact fits.")


def _selection(*, every: bool, segment: str | None, contacts: Path | None, export: Path | None) -> "ContactSelection":
    from shared.batches.request import ContactSelection

    if sum((every, segment is not None, contacts is not None, export is not None)) != 1:
        raise BadRequest("Say which contacts: --all, --segment NAME, --contacts FILE or --from FOLDER.")
    if contacts is None:
        return ContactSelection("all")
    if not contacts.is_file():
        raise BadRequest(f"There is no file {contacts}.")
    return ContactSelection("upload")


def _segment(store: "AccountStore", named: str) -> "ContactSelection":
    """Find a segment by its id or by what it is called."""
    from shared.batches.request import ContactSelection
    from shared.errors import NoModelTrained

    champion = store.models.champion("segmentation", "")
    row = None if champion is None else store.models.version("segmentation", "", champion.version)
    if row is None:
        raise NoModelTrained("No segments were found yet. Find them with `foretell train segmentation`.")
    renamed = store.segments.names()
    called = {str(one["id"]): renamed.get(one["id"], one["name"]) for one in row.report["segments"]}
    found = [one for one, name in called.items() if named == one or named.casefold() == str(name).casefold()]
    if not found:
        listed = ", ".join(f"{one} ({name})" for one, name in called.items())
        raise BadRequest(f"There is no segment '{named}'; there are {listed}.")
    return ContactSelection("segment", segment=found[0])


def _model(store: "AccountStore", capability: str, outcome: str | None) -> dict[str, str]:
    """Find the version that answers now.

    Raises:
        NoModelTrained: none does; says how to train one.
        UnknownOutcome: it is not defined, or none was named and there is no default.
    """
    from shared.capabilities import capability as line_of
    from shared.errors import NoModelTrained, UnknownOutcome

    name = ""
    if line_of(capability).per_outcome:
        known = [one.name for one in store.outcomes.of(capability)]
        name = outcome or store.outcomes.default(capability) or ""
        if name not in known:
            raise UnknownOutcome(_no_outcome(store.account, capability, name, known), outcomes=known)
    champion = store.models.champion(capability, name)
    if champion is None:
        command = f"foretell train {capability}" + (f" --outcome {name}" if name else "")
        raise NoModelTrained(
            f"No model of {capability} answers yet in the account {store.account}. Train one with `{command}`."
        )
    return {"capability": capability, "outcome": name, "version": champion.version, "digest": champion.digest}


def _no_outcome(account: str, capability: str, named: str, known: Sequence[str]) -> str:
    """Say whose outcomes were looked at, and where others are.

    >>> _no_outcome("default", "scoring", "redeem", ["customer"])
    "The account default has no outcome 'redeem' of scoring; it has customer. Name another account with --account."
    """
    listed = f"it has {', '.join(known)}" if known else "it has none of this capability"
    if not named:
        return f"Name an outcome with --outcome: the account {account} has no default of {capability}; {listed}."
    return (
        f"The account {account} has no outcome '{named}' of {capability}; {listed}. "
        "Name another account with --account."
    )


def _require_writable(out: Path) -> None:
    """Refuse a place where nothing can be written, before minutes are spent."""
    import os

    folder = out.parent if str(out.parent) else Path()
    if not folder.is_dir():
        raise BadRequest(f"There is no folder {folder}.")
    if out.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise BadRequest(f"{out} cannot be written.")


def _utc(instant: datetime) -> datetime:
    from datetime import UTC

    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant


def _in_words(counts: dict[str, Any]) -> str:
    """Write counts by status, the most frequent first.

    >>> _in_words({"no_consent": 2, "ok": 1200})
    '1,200 ok, 2 no_consent.'
    """
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{count:,} {status}" for status, count in ordered) + "."
