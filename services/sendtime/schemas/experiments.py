"""The wire of `GET /experiments/{campaign_id}`: what chance found out."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from shared.contracts.prediction import Answer

_RATE = {"value": 0.052, "low": 0.049, "high": 0.055}
EXPERIMENT_RESPONSE_EXAMPLE: dict[str, Any] = {
    "campaign_id": "may-offer",
    "engagement": "click",
    "assigned": 40_000,
    "due": 38_000,
    "arms": [
        {"arm": "treatment", "assigned": 18_000, "sent": 17_800, "on_time": 17_500, "engaged": 936, "rate": _RATE},
        {
            "arm": "control",
            "assigned": 18_100,
            "sent": 18_000,
            "on_time": 17_900,
            "engaged": 869,
            "rate": {"value": 0.048, "low": 0.045, "high": 0.051},
        },
        {
            "arm": "exploration",
            "assigned": 1_900,
            "sent": 1_850,
            "on_time": 1_800,
            "engaged": 84,
            "rate": {"value": 0.044, "low": 0.036, "high": 0.054},
        },
    ],
    "difference": {"value": 0.004, "low": -0.0005, "high": 0.0085},
    "lift": 0.083,
    "if_all_as_the_model": {"value": 0.052, "low": 0.049, "high": 0.055},
    "if_all_at_default": {"value": 0.048, "low": 0.045, "high": 0.051},
    "to_prove": {"lift": 0.05, "needed_an_arm": 127_421, "more_sends": 218_742},
    "verdict": "Not decided yet: the interval of the difference holds 0.",
    "reported_at": "2026-06-10T00:00:00Z",
    "request_id": "3f0c9a4be0d94f53a6f1c2d7e8b9a012",
}


class Share(Answer):
    """A share or a difference with its 95 % interval."""

    value: Annotated[float, Field(description="As seen.")]
    low: Annotated[float, Field(description="Lower end.")]
    high: Annotated[float, Field(description="Upper end.")]


class Arm(Answer):
    """What became of one arm, everybody assigned counted, whatever really happened to them."""

    arm: Annotated[Literal["treatment", "control", "exploration"], Field(description="Which.")]
    assigned: Annotated[int, Field(description="Contacts whose day after the instant is over.")]
    sent: Annotated[int, Field(description="Of them, to whom the campaign really went out.")]
    on_time: Annotated[int, Field(description="Of them, within an hour of the assigned instant.")]
    engaged: Annotated[int, Field(description="Of the assigned, who answered within 24 h of the actual send.")]
    rate: Annotated[Share, Field(description="engaged / assigned (intention to treat), Wilson interval.")]


class Proof(Answer):
    """What it takes to prove a lift: two-sided 5 %, power 80 %."""

    lift: Annotated[float, Field(description="Relative lift that was asked about.")]
    needed_an_arm: Annotated[
        int | None, Field(description="Contacts in each of the two arms; null: not computable yet.")
    ]
    more_sends: Annotated[int | None, Field(description="How many more sends, both arms together.")]


class ExperimentResponse(Answer):
    """The report of an experiment."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"examples": [EXPERIMENT_RESPONSE_EXAMPLE]}
    )

    campaign_id: Annotated[str, Field(description="Of the experiment.")]
    engagement: Annotated[str, Field(description="What counts as an answer.")]
    assigned: Annotated[int, Field(description="Contacts that were assigned.")]
    due: Annotated[int, Field(description="Of them, those whose day after the instant is over: all that follows.")]
    arms: Annotated[list[Arm], Field(description="Treatment, control, exploration.")]
    difference: Annotated[Share | None, Field(description="Treatment minus control, Newcombe interval.")]
    lift: Annotated[float | None, Field(description="Relative: difference / control's rate.")]
    if_all_as_the_model: Annotated[
        Share | None, Field(description="Inverse-propensity estimate of everybody at the model's time, all arms used.")
    ]
    if_all_at_default: Annotated[Share | None, Field(description="The same for everybody at the default time.")]
    to_prove: Annotated[Proof, Field(description="How many more sends would prove the lift asked about.")]
    verdict: Annotated[str, Field(description="In a sentence.")]
    reported_at: Annotated[datetime, Field(description="When the report was made.")]
    request_id: Annotated[str, Field(description="Finds the request in the log.")]
