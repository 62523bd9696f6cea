"""Which version answers, as the further routes say it."""

from typing import Any

from shared.serving.champions import Champion


def model_info(champion: Champion) -> dict[str, Any]:
    """Return what an answer says of its version."""
    model = champion.model
    return {
        "capability": "sendtime",
        "outcome": None,
        "version": champion.version,
        "kind": model.kind,
        "horizon_days": model.horizon_days,
        "trained_at": model.trained_at,
        "grade": model.grade,
    }
