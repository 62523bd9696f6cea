"""`foretell models quality`: how a model does on what happened afterwards, and whether it has drifted."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from foretell.cli.options import DEFAULT_ACCOUNT, AccountOption, CapabilityOption, JsonOption
from shared.contracts.rows import now_us

if TYPE_CHECKING:
    from shared.contracts.model_drift import ModelDrift
    from shared.contracts.model_quality import LiveFigure, ModelQuality, QualityFigures
    from shared.store import AccountStore


def quality(
    outcome: Annotated[str, typer.Argument(help="The outcome that the model predicts, or the model as listed.")],
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    capability: CapabilityOption = "scoring",
    again: Annotated[bool, typer.Option("--again", help="Compare now; otherwise a worker does once a day.")] = False,
    json: JsonOption = False,
) -> None:
    """Show how predictions compare with what happened, by week, and how far inputs have drifted."""
    import json as codec

    from foretell.cli.context import named_model, opened_account
    from shared.contracts.model_quality import quality_of
    from shared.errors import NotFound

    account, capability, outcome = named_model(outcome, account, capability)
    with opened_account(account) as (_, _, store):
        if not store.models.versions(capability, outcome):
            raise NotFound(
                f"There is no model of '{outcome or capability}': `foretell models list` shows those there are."
            )
        found = quality_of(store.models.quality.find(capability, outcome))
        if again or found is None:
            from foretell.live_quality.measure import measured

            found = measured(store, capability, outcome, now=now_us())
        drift = _drift(store, capability, outcome)
    if json:
        both = {
            "quality": found.model_dump(mode="json"),
            "drift": None if drift is None else drift.model_dump(mode="json"),
        }
        typer.echo(codec.dumps(both, indent=2))
        return
    _show(found, drift)


def _drift(store: "AccountStore", capability: str, outcome: str) -> "ModelDrift | None":
    from shared.contracts.model_drift import drift_of

    champion = store.models.champion(capability, outcome)
    return None if champion is None else drift_of(store.models.quality.drift(capability, outcome, champion.version))


def _show(found: "ModelQuality", drift: "ModelDrift | None") -> None:
    from foretell.cli.output import aligned, show_rows

    typer.echo(found.text)
    typer.echo(f"Drift: {'not looked at yet; a worker does once a day.' if drift is None else drift.text}")
    about = next((one for one in found.versions if one.version == found.judged_version), None)
    if about is not None and about.live is not None:
        promised = about.promised
        names = ("auc", "log_loss", "skill_over_constant", "calibration_slope", "lift_at_10_percent")
        rows = [
            [name, shown(getattr(about.live, name)), "-" if promised is None else shown(getattr(promised, name))]
            for name in names
        ]
        typer.echo("")
        for line in aligned([["figure", f"live, version {about.version}", "promised"], *rows]):
            typer.echo(line)
    if found.weeks:
        typer.echo("")
        weeks = [_row({"week": one.week, "version": one.version}, one.figures) for one in found.weeks]
        show_rows(weeks, as_json=False, empty="")
    if found.segment_weeks:
        typer.echo("")
        segments = sorted({name for one in found.segment_weeks for name in one.shares})
        show_rows(
            [
                {
                    "week": one.week,
                    "contacts": one.contacts,
                    "moved": "-" if one.moved_share is None else f"{one.moved_share:.1%}",
                    **{name: f"{one.shares.get(name, 0.0):.1%}" for name in segments},
                }
                for one in found.segment_weeks
            ],
            as_json=False,
            empty="",
        )
    moved = [one for one in drift.features if one.level != "steady"] if drift is not None else []
    if moved:
        typer.echo("")
        columns = ("feature", "level", "psi", "psi_since_start", "weight", "missing_share", "unseen_share")
        show_rows([{name: getattr(one, name) for name in columns} for one in moved[:20]], as_json=False, empty="")


def _row(named: dict[str, Any], figures: "QualityFigures") -> dict[str, Any]:
    return {
        **named,
        "predictions": figures.predictions,
        "came_true": figures.positives,
        "expected": round(figures.expected, 1),
        "auc": shown(figures.auc),
        "skill": shown(figures.skill_over_constant),
        "lift": shown(figures.lift_at_10_percent),
    }


def shown(figure: "LiveFigure | None") -> str:
    """Write a figure with its interval: `0.71 (0.69 to 0.73)`."""
    if figure is None or figure.value is None:
        return "-"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.3g}"
    return f"{figure.value:.3g} ({figure.low:.3g} to {figure.high:.3g})"
