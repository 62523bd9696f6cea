"""Requests and answers about what is to be done with a model: train, promote, roll back; and its history."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from gateway.schemas import REQUEST
from shared.contracts.prediction import Answer, Grade
from shared.store import CommandState

ID = r"^cmd_[0-9a-f]{16}$"
Reason = Annotated[
    str,
    Field(
        min_length=1,
        max_length=500,
        pattern=r"^[^\x00-\x1f\x7f]*$",
        description="Why, for the history: one line without control characters.",
        examples=["New campaign data"],
    ),
]


class TrainingRequest(BaseModel):
    """What is wanted of a training."""

    model_config = REQUEST

    promote: Annotated[
        bool, Field(description="Whether a version that passes the gate answers from then on; else it is registered.")
    ] = True
    reason: Reason = "asked for over HTTP"


class PromotionRequest(BaseModel):
    """Which version is to answer."""

    model_config = REQUEST

    version: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,8}$", description="A registered one.", examples=["7"])]
    reason: Reason = "promoted by hand"


class RollbackRequest(BaseModel):
    """That the version before is to answer again."""

    model_config = REQUEST

    reason: Reason = "rolled back by hand"


class CommandProgress(Answer):
    """How far it is."""

    share: Annotated[float, Field(ge=0, le=1, description="0 to 1.")]
    step: Annotated[str, Field(description="What is done now, in words.")]


class CommandError(Answer):
    """Why it failed; the version that answered before still does."""

    code: Annotated[str, Field(description="As of a problem.")]
    detail: Annotated[str, Field(description="What went wrong, and what to do.")]


class TrainingResult(Answer):
    """What became of a training."""

    version: Annotated[str, Field(description="The registered version.")]
    promoted: Annotated[bool, Field(description="Whether it answers.")]
    decided: Annotated[bool, Field(description="False: too little is newer than both trainings to compare them yet.")]
    reason: Annotated[str, Field(description="What the gate said.")]
    grade: Annotated[Grade, Field(description="A to D: how much it surely knows beyond the best plain rule.")]
    kind: Annotated[str, Field(description="lightgbm, logistic, blend or rule; for segments kmeans or rfm.")]
    comparison: Annotated[
        dict[str, float],
        Field(
            description="Of challenger and champion on the same frames: log losses, their difference with its 95 % "
            "interval, and how many frames; empty where there was no comparison."
        ),
    ]
    figures: Annotated[dict[str, Any], Field(description="Held-out figures of the training report.")]


class TrainingAnswer(Answer):
    """A training and how far it is."""

    id: Annotated[str, Field(description="Its id.")]
    model: Annotated[str, Field(description="Which model, as in `/models/{name}`.")]
    status: Annotated[CommandState, Field(description="`completed`, `failed` and `cancelled` are final.")]
    promote: Annotated[bool, Field(description="Whether a version that passes the gate is to answer.")]
    requested_by: Annotated[str, Field(description="Public id of a key, `command line`, `schedule` or `drift`.")]
    reason: Annotated[str, Field(description="Why.")]
    progress: Annotated[CommandProgress, Field(description="How far the training is.")]
    result: Annotated[TrainingResult | None, Field(description="What became of it; null before it is completed.")]
    error: Annotated[CommandError | None, Field(description="Why it failed; null otherwise.")]
    created_at: Annotated[datetime, Field(description="When it was asked for, UTC.")]
    started_at: Annotated[datetime | None, Field(description="When it began, UTC.")]
    finished_at: Annotated[datetime | None, Field(description="When it ended, UTC.")]


class TrainingList(Answer):
    """A page of trainings."""

    trainings: Annotated[list[TrainingAnswer], Field(description="Newest first.")]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null at the end.")]


class PromotionAnswer(Answer):
    """A promotion or a rollback, and what became of it."""

    id: Annotated[str, Field(description="Its id.")]
    kind: Annotated[Literal["promote", "rollback"], Field(description="Which of the two.")]
    model: Annotated[str, Field(description="Which model, as in `/models/{name}`.")]
    status: Annotated[CommandState, Field(description="`completed`, `failed` and `cancelled` are final.")]
    version: Annotated[
        str | None, Field(description="The version that answers by it; null while a rollback is not completed.")
    ]
    previous_version: Annotated[
        str | None, Field(description="The one that answered before; null before it is completed, or where none did.")
    ]
    requested_by: Annotated[str, Field(description="Public id of a key, or `command line`.")]
    reason: Annotated[str, Field(description="Why.")]
    error: Annotated[CommandError | None, Field(description="Why it failed; null otherwise.")]
    created_at: Annotated[datetime, Field(description="When it was asked for, UTC.")]
    finished_at: Annotated[datetime | None, Field(description="When it ended, UTC.")]


class HistoryEntry(Answer):
    """Something that happened to a model."""

    number: Annotated[int, Field(description="In the account's audit log.")]
    occurred_at: Annotated[datetime, Field(description="When, UTC.")]
    actor: Annotated[str, Field(description="Public id of a key, `command line`, `schedule`, `drift` or `system`.")]
    action: Annotated[
        str,
        Field(
            description="`trained` (a version is registered), `refused` (by the gate), `promoted`, `rolled_back`, "
            "`training_failed`, `training_cancelled`, `promotion_failed`, `rollback_failed`; more may come."
        ),
    ]
    version: Annotated[str | None, Field(description="Of which version; null where there is none.")]
    replaced_version: Annotated[str | None, Field(description="Which one answered before; null where none did.")]
    reason: Annotated[str | None, Field(description="Why; null where nothing was said.")]
    figures: Annotated[
        dict[str, float],
        Field(
            description="Of challenger and champion on the same frames, where they were compared: `challenger_loss`, "
            "`champion_loss`, `constant_loss`, `difference` with `difference_low` and `difference_high` (95 %), "
            "`frames`; of a version that was trained, its held-out figures."
        ),
    ]


class HistoryList(Answer):
    """A page of a model's history."""

    entries: Annotated[list[HistoryEntry], Field(description="Newest first.")]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null at the end.")]
