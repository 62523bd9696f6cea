"""The response of the weeks: what each hour of a week is worth, for everybody and for groups of look-alikes."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from shared.contracts.prediction import Answer, ModelInfo

_SHAPE = [0.004 if 8 <= slot % 24 < 20 else 0.001 for slot in range(168)]
WEEKS_RESPONSE_EXAMPLE: dict[str, Any] = {
    "unit": "activity",
    "is_chance": False,
    "usual_hour": None,
    "everybody": {
        "share": 1.0,
        "values": _SHAPE,
        "best": 8,
        "finding": "Most active on Monday 08:00: 1.6 times as much as in an average hour.",
    },
    "groups": [
        {
            "share": 0.62,
            "values": _SHAPE,
            "best": 8,
            "finding": "Most active on Monday 08:00: 1.6 times as much as in an average hour.",
        }
    ],
    "model": {
        "capability": "sendtime",
        "outcome": None,
        "version": "7",
        "kind": "activity",
        "horizon_days": 1,
        "trained_at": "2026-05-20T04:00:00Z",
        "grade": "B",
    },
    "request_id": "3f0c9a4be0d94f53a6f1c2d7e8b9a012",
}


class Week(Answer):
    """What the 168 hours of the local week are worth."""

    share: Annotated[float, Field(ge=0, le=1, description="Of the contacts: how many it is about.")]
    values: Annotated[
        list[float | None],
        Field(
            min_length=168,
            max_length=168,
            description="Monday 00 first: chances of an answer, or shares of activity; null: nothing was sent then.",
        ),
    ]
    best: Annotated[int | None, Field(ge=0, le=167, description="The best of them, 0 to 167; null: none is known.")]
    finding: Annotated[str, Field(description="The same in a sentence.")]


class WeeksResponse(Answer):
    """The week of an average contact, and of groups of contacts with hours alike."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [WEEKS_RESPONSE_EXAMPLE]})

    unit: Annotated[str, Field(description="`activity`: values are shares; `click`, `open`, `order`: chances of it.")]
    is_chance: Annotated[bool, Field(description="Whether values are chances; else they sum to 1 over the week.")]
    usual_hour: Annotated[
        int | None,
        Field(ge=0, le=23, description="All was sent at this local hour: no hours can be compared; null: they can."),
    ]
    everybody: Annotated[Week, Field(description="An average contact.")]
    groups: Annotated[list[Week], Field(description="Look-alikes, the largest group first; empty where all are alike.")]
    model: Annotated[ModelInfo, Field(description="The version that answers.")]
    request_id: Annotated[str, Field(description="Finds the request in the log.")]
