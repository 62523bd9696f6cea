"""Rows of the catalogue as answers."""

from gateway.models.schemas import InputDriftAnswer, ModelAnswer
from shared.contracts.input_drift import InputDrift
from shared.contracts.outcome import ModelName
from shared.contracts.rows import instant_of
from shared.store import VersionRow


def model_answer(row: VersionRow, *, champion: bool) -> ModelAnswer:
    """Show a version."""
    return ModelAnswer(
        name=ModelName(row.capability, row.outcome).text,
        capability=row.capability,
        outcome=row.outcome or None,
        version=row.version,
        champion=champion,
        kind=row.kind,
        grade=row.grade,
        trained_at=instant_of(row.trained_at),
        horizon_days=row.horizon_days,
        figures=dict(row.figures),
        input_drift=None if row.input_drift is None else drift_answer(row.input_drift),
    )


def drift_answer(found: InputDrift) -> InputDriftAnswer:
    """Show what the last round of scoring found of its inputs."""
    return InputDriftAnswer(
        has_drifted=found.has_drifted,
        answered=found.answered,
        insufficient=found.insufficient,
        drifted_share=round(found.share, 4),
        out_of_range=found.out_of_range,
        unseen_categories=found.unseen_categories,
        measured_at=instant_of(found.measured_at),
    )
