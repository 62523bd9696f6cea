"""`foretell models card` and `thresholds`: a version for people, and the score from which on it pays."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foretell.cli.options import DEFAULT_ACCOUNT, AccountOption, CapabilityOption, JsonOption
from shared.contracts.rows import now_us
from shared.errors import BadRequest, NotFound

if TYPE_CHECKING:
    from shared.contracts.model_card import Thresholds
    from shared.store import AccountStore, VersionRow

ModelArgument = Annotated[str, typer.Argument(help="The outcome that the model predicts, or the model as listed.")]
VersionArgument = Annotated[str | None, typer.Argument(help="Which one. Default: the champion, else the newest.")]
_SHOWN = (99, 95, 90, 80, 70, 60, 50, 25, 1)
"""Cut-offs of the printed table; all are in the JSON."""


def card(
    name: ModelArgument,
    version: VersionArgument = None,
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    capability: CapabilityOption = "scoring",
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write it there: .html a page, .md Markdown, .json JSON. Default: print Markdown."),
    ] = None,
) -> None:
    """Write a version's card: what it answers, how good it is, for whom, its limits; to show to anyone."""
    from foretell.cli.context import named_model, opened_account
    from shared.cards import as_html, as_markdown, card_of
    from shared.contracts.outcome import ModelName

    account, capability, outcome = named_model(name, account, capability)
    with opened_account(account) as (_, _, store):
        row = version_row(store, capability, outcome, version)
        champion = store.models.champion(capability, outcome)
    answers = champion is not None and champion.version == row.version
    made = card_of(row, name=ModelName(capability, outcome).text, champion=answers, now=now_us())
    if out is None:
        typer.echo(as_markdown(made), nl=False)
        return
    if out.suffix == ".html":
        text = as_html(made)
    elif out.suffix == ".md":
        text = as_markdown(made)
    elif out.suffix == ".json":
        text = made.model_dump_json(indent=2) + "\n"
    else:
        raise BadRequest(f"A card is .html, .md or .json; {out.name} is none of them.")
    out.write_text(text, encoding="utf-8")
    typer.echo(f"Wrote the card of version {row.version} to {out}.")


def version_row(store: "AccountStore", capability: str, outcome: str, version: str | None) -> "VersionRow":
    """Find a version; None: the champion, else the newest.

    Raises:
        NotFound: there is none.
    """
    if version is None:
        champion = store.models.champion(capability, outcome)
        newest = store.models.versions(capability, outcome)
        version = champion.version if champion else newest[0].version if newest else None
    found = None if version is None else store.models.version(capability, outcome, version)
    if found is None:
        which = f"version {version} of " if version else "version of "
        raise NotFound(f"There is no {which}'{outcome or capability}': `foretell models list` shows what there is.")
    return found


def thresholds(
    name: ModelArgument,
    version: VersionArgument = None,
    *,
    value: Annotated[
        float, typer.Option(help="What a contact brings who is addressed and reaches the outcome.", min=0)
    ],
    cost: Annotated[float, typer.Option(help="What addressing one contact costs.", min=0)],
    capacity: Annotated[
        str | None, typer.Option(help="How many can be addressed at most: a number, or a share as 10%.")
    ] = None,
    account: AccountOption = DEFAULT_ACCOUNT,
    capability: CapabilityOption = "scoring",
    json: JsonOption = False,
) -> None:
    """Find the score from which on addressing contacts pays most."""
    from foretell.cli.context import named_model, opened_account
    from shared.cards import MOST_MONEY, ThresholdQuery
    from shared.cards import thresholds as best_cut
    from shared.contracts.outcome import ModelName

    if not 0 < value <= MOST_MONEY:
        raise BadRequest("--value must be above 0 and 1e12 at most.")
    if not 0 <= cost <= MOST_MONEY:
        raise BadRequest("--cost must be 0 to 1e12.")
    number, share = _capacity(capacity)
    account, capability, outcome = named_model(name, account, capability)
    with opened_account(account) as (_, _, store):
        row = version_row(store, capability, outcome, version)
        stored = store.predictions.score_counts(capability, outcome, row.version)
    named = ModelName(capability, outcome).text
    found = best_cut(row, named, ThresholdQuery(value, cost, number, share), stored)
    if json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        _print(found)


def _capacity(text: str | None) -> tuple[int | None, float | None]:
    if text is None:
        return None, None
    try:
        if text.endswith("%"):
            share = float(text.removesuffix("%")) / 100
            if 0 <= share <= 1:
                return None, share
        elif int(text) >= 0:
            return int(text), None
    except ValueError:
        pass
    raise BadRequest(f"--capacity {text}: give a number of contacts such as 500, or a share such as 10%.")


def _print(found: "Thresholds") -> None:
    from foretell.cli.output import print_note, show_rows

    if found.population.source == "held_out":
        print_note("No scores of this version are stored yet: counts are of 1,000 contacts.")
    best = found.best.from_score if found.best else None
    rows = [
        {
            "from_score": cut.from_score,
            "best": "yes" if cut.from_score == best else "",
            "contacts": cut.contacts,
            "reach_it": round(cut.true_positives, 1),
            "do_not": round(cut.false_positives, 1),
            "precision": f"{cut.precision:.1%}",
            "found": f"{cut.recall:.0%}",
            "profit": round(cut.profit, 2),
        }
        for cut in found.cuts
        if cut.from_score in _SHOWN or cut.from_score == best
    ]
    show_rows(rows, as_json=False, empty="")
    if found.break_even_probability > 1:
        print_note("Addressing never pays: it costs more than the outcome brings.")
    else:
        print_note(f"Addressing pays from a chance of {found.break_even_probability:.2%} on (cost / value).")
    print_note(found.sentence)
