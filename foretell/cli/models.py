"""`foretell models`: registered versions, and which of them answers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foretell.cli import model_cards
from foretell.cli.model_quality import quality
from foretell.cli.options import DEFAULT_ACCOUNT, AccountOption, CapabilityOption, JsonOption, examples
from shared.capabilities import capability as line_of
from shared.contracts.rows import now_us
from shared.errors import NotFound, RegistryUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.contracts.training import Progress
    from shared.settings import Settings
    from shared.store import AccountStore, VersionRow
    from shared.training.versions import Published

app = typer.Typer(
    no_args_is_help=True,
    help="List, show, promote, roll back, adopt and shadow model versions; their history.",
    epilog=examples("foretell models list", "foretell models promote customer 3"),
)
app.command(
    epilog=examples(
        "foretell models card scoring.redeem --account demo --out card.html", "foretell models card segmentation"
    )
)(model_cards.card)
app.command(epilog=examples("foretell models thresholds redeem --account demo --value 100 --cost 2 --capacity 500"))(
    model_cards.thresholds
)
OutcomeArgument = Annotated[str, typer.Argument(help="The outcome that the model predicts, or the model as listed.")]


@app.command("list", epilog=examples("foretell models list", "foretell models list --outcome redeem --account demo"))
def list_models(
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    capability: CapabilityOption = "scoring",
    outcome: Annotated[str | None, typer.Option("--outcome", "-o", help="Only this one.", metavar="NAME")] = None,
    json: JsonOption = False,
) -> None:
    """List versions, the newest first; the champion is marked, and MLflow's alias compared with it."""
    from foretell.cli.context import capability_name, opened_account
    from foretell.cli.output import instant, print_note, show_rows

    with opened_account(account) as (settings, database, store):
        versions = store.models.versions(capability_name(capability), outcome)
        champions = {
            (row.outcome, row.version)
            for row in database.champions()
            if row.account == account and row.capability == capability
        }
        rows = [
            {
                "model": f"{account}.{row.capability}.{row.outcome}".rstrip("."),
                "version": row.version,
                "champion": "yes" if (row.outcome, row.version) in champions else "",
                "grade": row.grade,
                "kind": row.kind,
                "horizon_days": row.horizon_days,
                "trained_at": instant(row.trained_at),
                "drifted_inputs": None if row.input_drift is None else round(row.input_drift.share, 4),
            }
            for row in versions
        ]
        answered = sorted({row.outcome for row in versions} & {name for name, _ in champions})
        differing = [
            *(
                sentence
                for row in versions
                if (row.outcome, row.version) in champions and (sentence := drift_sentence(row))
            ),
            *_mismatches(settings, store, capability, answered),
        ]
    if not json:
        print_note(
            f"Looked at: {account}, capability {capability}, {f'outcome {outcome}' if outcome else 'all outcomes'}."
        )
    named = f" --outcome {outcome or 'NAME'}" if line_of(capability).per_outcome else ""
    show_rows(rows, as_json=json, empty=f"Nothing of that is trained yet: `foretell train {capability}{named}`.")

    for sentence in differing:
        print_note(sentence)


def drift_sentence(row: "VersionRow") -> str:
    """Say that the inputs of a version have drifted; empty: they have not, or nobody counted yet."""
    drift = row.input_drift
    if drift is None or not drift.has_drifted:
        return ""
    return (
        f"{row.outcome or row.capability}: {drift.share:.0%} of version {row.version}'s answers rest on inputs outside "
        f"all that it was shown ({drift.drifted:,} of {drift.answered:,} contacts): train again."
    )


def _mismatches(settings: "Settings", store: "AccountStore", capability: str, outcomes: list[str]) -> list[str]:
    """Return where MLflow's alias does not point to the version that answers."""
    from shared.registry.registration import MlflowRegistry
    from shared.training.versions import Model, mismatch

    aliases = MlflowRegistry.of(settings)
    try:
        found = [mismatch(store, aliases, Model(capability, outcome)) for outcome in outcomes]
    except RegistryUnavailable as error:
        return [f"MLflow's aliases were not compared: {error.detail}"]
    return [
        f"{outcome or capability}: {difference}"
        for outcome, difference in zip(outcomes, found, strict=True)
        if difference is not None
    ]


@app.command(epilog=examples("foretell models show redeem --account demo", "foretell models show customer 3 --json"))
def show(
    outcome: OutcomeArgument,
    version: Annotated[str | None, typer.Argument(help="Which one. Default: the champion, else the newest.")] = None,
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    capability: CapabilityOption = "scoring",
    json: JsonOption = False,
) -> None:
    """Show a version's card and figures."""
    import json as codec
    from dataclasses import asdict

    from foretell.cli.context import named_model, opened_account
    from foretell.cli.output import aligned, instant
    from shared.cards import as_markdown, card_of
    from shared.contracts.outcome import ModelName

    account, capability, outcome = named_model(outcome, account, capability)
    with opened_account(account) as (_, _, store):
        champion = store.models.champion(capability, outcome)
        row = model_cards.version_row(store, capability, outcome, version)
    answers = champion is not None and champion.version == row.version
    if json:
        typer.echo(codec.dumps(asdict(row), indent=2, default=dict))
        return
    facts = {
        "model": f"{account}.{row.capability}.{row.outcome}".rstrip("."),
        "version": row.version,
        "grade": row.grade,
        "kind": row.kind,
        "trained_at": instant(row.trained_at),
        **({} if row.input_drift is None else {"drifted_inputs": f"{row.input_drift.share:.1%} of the answers"}),
        "digest": row.digest,
        **{name: value for name, value in row.figures.items() if isinstance(value, (int, float, str))},
    }
    for line in aligned([[name, _number(value)] for name, value in facts.items()]):
        typer.echo(line)
    name = ModelName(row.capability, row.outcome).text
    typer.echo(f"\n{as_markdown(card_of(row, name=name, champion=answers, now=now_us()))}", nl=False)


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


app.command("quality", epilog=examples("foretell models quality redeem", "foretell models quality redeem --again"))(
    quality
)


@app.command(epilog=examples("foretell models promote redeem 3 --account demo --reason 'fewer features'"))
def promote(
    outcome: OutcomeArgument,
    version: Annotated[str, typer.Argument(help="The version that answers from now on.")],
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    capability: CapabilityOption = "scoring",
    reason: Annotated[str, typer.Option(help="Kept with the promotion.")] = "promoted by hand",
) -> None:
    """Let a version answer; running services take it within seconds."""
    from foretell.cli.context import named_model, opened_account
    from foretell.cli.training_run import by_hand
    from shared.registry.registration import MlflowRegistry
    from shared.training.commands import promotion_result, recorded
    from shared.training.versions import Model
    from shared.training.versions import promote as promote_version

    account, capability, outcome = named_model(outcome, account, capability)
    model = Model(capability, outcome)
    with opened_account(account) as (settings, _, store):
        row = by_hand("promote", model, {"version": version}, reason=reason)
        with recorded(store, row, lease_seconds=settings.training_lease_seconds, now=now_us) as command:
            promote_version(
                store,
                MlflowRegistry.of(settings),
                model,
                version,
                at=now_us(),
                reason=reason,
                end=lambda together, champion: command.end(together, promotion_result(champion)),
            )
    typer.echo(f"Version {version} of {outcome or capability} answers from now on.")


@app.command(epilog=examples("foretell models rollback redeem --account demo --reason 'complaints about scores'"))
def rollback(
    outcome: OutcomeArgument,
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    capability: CapabilityOption = "scoring",
    reason: Annotated[str, typer.Option(help="Kept with the rollback.")] = "rolled back by hand",
) -> None:
    """Let the version before answer again; a second rollback undoes the first."""
    from foretell.cli.context import named_model, opened_account
    from foretell.cli.training_run import by_hand
    from shared.registry.registration import MlflowRegistry
    from shared.training.commands import promotion_result, recorded
    from shared.training.versions import Model
    from shared.training.versions import rollback as roll_back

    account, capability, outcome = named_model(outcome, account, capability)
    model = Model(capability, outcome)
    with opened_account(account) as (settings, _, store):
        row = by_hand("rollback", model, {}, reason=reason)
        with recorded(store, row, lease_seconds=settings.training_lease_seconds, now=now_us) as command:
            champion = roll_back(
                store,
                MlflowRegistry.of(settings),
                model,
                at=now_us(),
                reason=reason,
                end=lambda together, row: command.end(together, promotion_result(row)),
            )
    typer.echo(f"Version {champion.version} of {outcome or capability} answers again.")


@app.command(
    epilog=examples("foretell models history redeem --account demo", "foretell models history sendtime --json")
)
def history(
    outcome: OutcomeArgument,
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    capability: CapabilityOption = "scoring",
    limit: Annotated[int, typer.Option(help="How many at most.", min=1)] = 100,
    json: JsonOption = False,
) -> None:
    """Show what happened to a model, the newest first: trained, refused, promoted, rolled back, failed; who and why."""
    from foretell.cli.context import named_model, opened_account
    from foretell.cli.output import instant, show_rows
    from shared.contracts.outcome import ModelName

    account, capability, outcome = named_model(outcome, account, capability)
    with opened_account(account) as (_, _, store):
        found = store.audit.page(limit, model=ModelName(capability, outcome).text)
    rows = [
        {
            "at": instant(row.at),
            "by": row.actor,
            "what": row.action.removeprefix("model."),
            "version": row.detail.get("version"),
            "replaced": row.detail.get("replaced_version"),
            **_compared(row.detail.get("figures") or {}),
            "why": row.detail.get("reason"),
        }
        for row in found
    ]
    show_rows(rows, as_json=json, empty="Nothing happened to that model: `foretell models list` shows what there is.")


def _compared(figures: "Mapping[str, float]") -> dict[str, float | None]:
    """Return the figures of a comparison with the champion; None: nothing was compared."""
    names = ("challenger_loss", "champion_loss", "difference", "difference_low", "difference_high", "frames")
    return {name: round(figures[name], 5) if name in figures else None for name in names}


@app.command(
    epilog=examples(
        "foretell models adopt scoring --outcome redeem --model model.txt --frames frames --account demo",
        "foretell models adopt scoring --outcome redeem --model model.txt --frames frames --no-promote",
    )
)
def adopt(
    capability: Annotated[str, typer.Argument(help="Which question: scoring.")],
    *,
    outcome: Annotated[str, typer.Option("--outcome", "-o", help="What it predicts.", metavar="NAME")],
    model: Annotated[Path, typer.Option("--model", help="LightGBM's text model.", metavar="FILE", exists=True)],
    frames: Annotated[Path, typer.Option("--frames", help="What it was trained on.", metavar="FOLDER", exists=True)],
    account: AccountOption = DEFAULT_ACCOUNT,
    no_promote: Annotated[bool, typer.Option("--no-promote", help="Register it, whatever the gate says.")] = False,
) -> None:
    """Take in a model trained elsewhere on exported frames: judged on what was kept back, and through the same gate."""
    from foretell.cli.context import capability_name, opened_account
    from foretell.cli.training_run import by_hand, learned
    from services.specs import recipe_of, spec_of
    from shared.contracts.outcome import ModelName
    from shared.registry.registration import MlflowRegistry
    from shared.training.commands import recorded, training_result
    from shared.training.elsewhere import adopt as take_in
    from shared.training.elsewhere import adoptable_outcome

    recipe = recipe_of(spec_of(capability_name(capability)))
    choices = recipe.choices(promote=not no_promote)
    with opened_account(account) as (settings, _, store):
        row = by_hand("train", ModelName(capability, outcome), {"promote": choices.promote}, reason="models adopt")

        def work(_: "Progress") -> "Published":
            with recorded(store, row, lease_seconds=settings.training_lease_seconds, now=now_us) as command:
                return take_in(
                    *(recipe, store, MlflowRegistry.of(settings), adoptable_outcome(recipe, store, outcome)),
                    model=model,
                    frames=frames,
                    promote=choices.promote,
                    now=now_us(),
                    progress=command.progress,
                    end=lambda together, published: command.end(together, training_result(published)),
                )

        learned(f"{account}.{capability}.{outcome}", work, choices, details=False)


@app.command(
    epilog=examples(
        "foretell models shadow redeem 3 --share 0.1 --account demo",
        "foretell models shadow redeem --account demo",
        "foretell models shadow redeem --off --account demo",
    )
)
def shadow(
    outcome: OutcomeArgument,
    version: Annotated[str | None, typer.Argument(help="The version that answers unseen. Default: show it.")] = None,
    *,
    share: Annotated[float, typer.Option(min=0.0001, max=1, help="Of the contacts, always the same ones.")] = 0.1,
    off: Annotated[bool, typer.Option("--off", help="End it.")] = False,
    account: AccountOption = DEFAULT_ACCOUNT,
    capability: CapabilityOption = "scoring",
    json: JsonOption = False,
) -> None:
    """Let a version answer beside the champion, unseen, and show how the answers differ."""
    import json as codec

    from foretell.cli.context import named_model, opened_account
    from foretell.cli.output import aligned, instant

    account, capability, outcome = named_model(outcome, account, capability)
    with opened_account(account) as (_, _, store):
        if off:
            ended = store.models.end_shadow(capability, outcome, at=now_us())
            typer.echo("It ended." if ended else "No version shadows this model.")
            return
        if version is not None:
            store.models.start_shadow(capability, outcome, version, share, at=now_us())
        row = store.models.shadows.of(capability, outcome)
    if row is None:
        raise NotFound("No version shadows this model: `foretell models shadow NAME VERSION --share 0.1` lets one.")
    found = {} if row.comparison is None else row.comparison._asdict()
    facts = {"version": row.version, "share": row.share, "since": instant(row.since), **found}
    if row.comparison is not None:
        facts["compared_at"] = instant(row.comparison.compared_at)
    if json:
        typer.echo(codec.dumps(facts, indent=2))
        return
    for line in aligned([[name, str(value)] for name, value in facts.items()]):
        typer.echo(line)
