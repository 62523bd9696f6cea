"""From a verdict to the prediction on the wire."""

from collections.abc import Sequence
from typing import Any

from shared.contracts.prediction import Prediction, Status, Trend
from shared.features import UNDERSTOOD, InputQuality
from shared.features.inputs import CODES
from shared.serving.capability_spec import AnySpec
from shared.serving.judging import Verdict

TREND_POINTS = 5

DETAILS: dict[Status, str] = {
    "unknown_contact": "Nothing is stored under this id; import the contact, or send attributes or events with it.",
    "invalid": "This contact does not fit the contract; `errors` says where.",
    "no_consent": "The contact denied profiling.",
    "insufficient_data": "There is neither an event nor an attribute to predict from.",
    "outcome_reached": "The contact has reached this outcome already.",
    "not_eligible": "The question is not asked about such a contact.",
    "control": "The contact is in the control group.",
    "no_slot": "Nothing fits what was asked for.",
}
NOBODY = "No contact of this account has this e-mail address; import the contact with it, or send its id."
STORE_AWAY = "The store is away: only contacts sent with data and with `consent.profiling: granted` are answered now."


def trend_of(score: int | None, before: int | None) -> Trend:
    """Compare a score with the one of 30 days before.

    >>> trend_of(60, 55), trend_of(60, 56), trend_of(50, 55), trend_of(50, None)
    ('improving', 'steady', 'declining', 'unknown')
    """
    if score is None or before is None:
        return "unknown"
    if score - before >= TREND_POINTS:
        return "improving"
    return "declining" if score - before <= -TREND_POINTS else "steady"


def unanswered(
    spec: AnySpec,
    contact_id: str | None,
    status: Status,
    errors: Sequence[dict[str, str]] = (),
    *,
    data_quality: Sequence[str] = (),
    inputs: InputQuality = UNDERSTOOD,
    detail: str | None = None,
) -> Prediction:
    """Say why there is no prediction."""
    detail = detail or DETAILS[status]
    if status == "insufficient_data" and "store_unavailable" in data_quality:
        detail = STORE_AWAY
    prediction: Prediction = spec.prediction.model_validate(
        {
            **_head(contact_id, status, data_quality, inputs),
            "detail": detail,
            "errors": list(errors),
            **spec.fields(None),
        }
    )
    return prediction


def answered(spec: AnySpec, contact_id: str, verdict: Verdict) -> Prediction:
    """Write one contact's answer."""
    scored = verdict.scored
    if scored is None:
        return unanswered(
            spec,
            contact_id,
            verdict.status,
            data_quality=verdict.data_quality,
            inputs=verdict.inputs,
            detail=verdict.detail,
        )
    prediction: Prediction = spec.prediction.model_validate(
        {
            **_head(contact_id, "ok", verdict.data_quality, verdict.inputs),
            "probability": scored.probability,
            "score": scored.score,
            "band": scored.band,
            "trend": verdict.trend,
            "reasons": [
                {
                    "feature": part.feature,
                    "value": part.value,
                    "effect": "raises" if part.contribution >= 0 else "lowers",
                    "contribution": part.contribution,
                    "text": part.text,
                }
                for part in scored.reasons
            ],
            "source": scored.source,
            **spec.fields(scored),
        }
    )
    return prediction


def _head(contact_id: str | None, status: Status, data_quality: Sequence[str], inputs: InputQuality) -> dict[str, Any]:
    return {
        "contact_id": contact_id,
        "status": status,
        "detail": None,
        "errors": [],
        "probability": None,
        "score": None,
        "band": None,
        "trend": "unknown",
        "reasons": [],
        "source": None,
        "data_quality": list(data_quality),
        "data_quality_details": _details(inputs),
    }


def _details(inputs: InputQuality) -> dict[str, Any] | None:
    if not inputs.names:
        return None
    return {
        **{code: list(inputs.names.get(code, ())) for code in CODES},
        "further": inputs.further,
        "missing_weight": inputs.missing_weight,
    }
