"""How far what a version sees today is from what its training saw: population stability indices, in counts alone."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from shared.contracts.prediction import Answer
from shared.contracts.rows import Microseconds, microseconds

Share = Annotated[float, Field(ge=0, le=1)]
DriftLevel = Literal["steady", "notable", "drifted"]
DriftStatus = Literal["measured", "first_round", "too_few", "stale_events", "not_counted"]


class Psi(Answer):
    """A population stability index, against two references."""

    level: Annotated[
        DriftLevel,
        Field(
            description="`notable` from 0.2 on, `drifted` from 0.25 on, if both indices reach it and lie above chance."
        ),
    ]
    psi: Annotated[
        float | None,
        Field(ge=0, description="Against the frames that the version was tested on; null: they do not say."),
    ]
    psi_since_start: Annotated[
        float | None,
        Field(ge=0, description="Against the first complete round of the version; null: this is that round."),
    ]
    by_chance: Annotated[
        float | None,
        Field(ge=0, description="What chance alone exceeds once in a thousand, between populations of these sizes."),
    ]


class FeatureDrift(Psi):
    """One feature."""

    feature: Annotated[str, Field(description="Its name.")]
    weight: Annotated[Share, Field(description="Share of the model that it is.")]
    missing_share: Annotated[Share, Field(description="Of the contacts: without a value.")]
    missing_share_reference: Annotated[Share, Field(description="The same in training.")]
    unseen_share: Annotated[
        Share | None, Field(description="Of a category that training did not name; null: it is no category.")
    ]
    unseen_share_reference: Annotated[Share | None, Field(description="The same in training.")]


class ModelDrift(Answer):
    """What the last complete round of scoring found about a version."""

    version: Annotated[str, Field(description="The registered version.")]
    measured_at: Annotated[datetime, Field(description="When the round ended, UTC.")]
    status: Annotated[
        DriftStatus,
        Field(
            description="`measured`; `first_round`: later ones are compared with it; `too_few`: under 200 contacts; "
            "`stale_events`: no new events come, so that everybody looks silent; `not_counted`: the version keeps no "
            "reference."
        ),
    ]
    has_drifted: Annotated[
        bool,
        Field(
            description="Whether its answers have drifted, or a fifth of the model's weight: train it again. Of inputs "
            "outside all that it was shown, `input_drift` of the model says how many."
        ),
    ]
    drifted_since: Annotated[datetime | None, Field(description="Since which round; null: it has not.")]
    text: Annotated[str, Field(description="The same in a sentence.")]
    contacts: Annotated[int, Field(ge=0, description="How many were looked at.")]
    reference_contacts: Annotated[int, Field(ge=0, description="Contacts of the frames that the version learned from.")]
    drifted_weight: Annotated[Share, Field(description="Share of the model that lies in features that have drifted.")]
    answers: Annotated[
        Psi | None,
        Field(description="Of the score, or of the shares of segments; null: the version gives neither."),
    ]
    features: Annotated[list[FeatureDrift], Field(max_length=500, description="The furthest first.")]


def drift_of(document: Any) -> ModelDrift | None:
    """Read what the store keeps of a version's drift; None: nothing, or what another release wrote."""
    try:
        return None if document is None else ModelDrift.model_validate(document["report"])
    except (ValidationError, KeyError, TypeError):
        return None


def drifted_since(document: Any) -> Microseconds | None:
    """Return since when a version has drifted, so that it is to be trained again; None: it has not.

    Args:
        document: what `store.models.quality.drift(capability, outcome, version)` returns.

    >>> drifted_since(None) is None
    True
    """
    found = drift_of(document)
    return None if found is None or found.drifted_since is None else microseconds(found.drifted_since)
