"""Answers of the routes of models."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from shared.contracts.prediction import Answer, Grade


class InputDriftAnswer(Answer):
    """What the last complete round of scoring found of the inputs of a version; a worker makes one a day."""

    has_drifted: Annotated[
        bool,
        Field(
            description="Whether 5 % of the answers or more rest on inputs outside all that the version was shown: "
            "train it again. Whether they are spread as in training is `drift` of `/models/{name}/quality`."
        ),
    ]
    answered: Annotated[int, Field(ge=0, description="Contacts that got an answer.")]
    insufficient: Annotated[int, Field(ge=0, description="Contacts that got none: too little is known of them.")]
    drifted_share: Annotated[float, Field(ge=0, le=1, description="Share of the answers with `drifted_inputs`.")]
    out_of_range: Annotated[int, Field(ge=0, description="Answers with `out_of_range`.")]
    unseen_categories: Annotated[int, Field(ge=0, description="Answers with `unseen_categories`.")]
    measured_at: Annotated[datetime, Field(description="When the round ended, UTC.")]


class ModelAnswer(Answer):
    """A registered version."""

    name: Annotated[str, Field(description="Of the model, as in `/models/{name}`: `scoring.customer`.")]
    capability: Annotated[str, Field(description="Which question.")]
    outcome: Annotated[str | None, Field(description="Which outcome; null where the capability has none.")]
    version: Annotated[str, Field(description="The registered version.")]
    champion: Annotated[bool, Field(description="Whether it is the one that answers.")]
    kind: Annotated[str, Field(description="lightgbm, logistic, blend or rule; for segments kmeans or rfm.")]
    grade: Annotated[Grade, Field(description="A to D: how much it surely knows beyond the best plain rule.")]
    trained_at: Annotated[datetime, Field(description="When it was trained, UTC.")]
    horizon_days: Annotated[int | None, Field(description="How far after the cutoff the outcome may come.")]
    figures: Annotated[dict[str, Any], Field(description="Held-out figures of the training report.")]
    input_drift: Annotated[
        InputDriftAnswer | None,
        Field(description="How many answers rest on inputs outside all that it was shown; null: not counted yet."),
    ]


class ModelList(Answer):
    """The catalogue."""

    models: Annotated[list[ModelAnswer], Field(description="Newest first within capability and outcome.")]


class ModelDetail(Answer):
    """A model: what it answers, the version that does, and all versions."""

    name: Annotated[str, Field(description="As in `/models/{name}`.")]
    capability: Annotated[str, Field(description="Which question.")]
    outcome: Annotated[str | None, Field(description="Which outcome; null where the capability has none.")]
    question: Annotated[str, Field(description="What it answers, in words.")]
    champion: Annotated[str | None, Field(description="The version that answers; null: none does.")]
    described: Annotated[
        str, Field(description="The version that the next fields are of: the champion, else the newest.")
    ]
    grade: Annotated[Grade, Field(description="A to D: how much it surely knows beyond the best plain rule.")]
    grade_in_words: Annotated[str, Field(description="What the grade means.")]
    trained_at: Annotated[datetime, Field(description="When it was trained, UTC.")]
    age_days: Annotated[int, Field(ge=0, description="Full days since.")]
    in_short: Annotated[list[str], Field(description="What to know first, as on the card.")]
    limits: Annotated[list[str], Field(description="What to beware of, as on the card.")]
    input_drift: Annotated[
        InputDriftAnswer | None,
        Field(description="How many answers rest on inputs outside all that it was shown; null: not counted yet."),
    ]
    versions: Annotated[list[ModelAnswer], Field(description="Newest first.")]
    next_cursor: Annotated[str | None, Field(description="Where the list of versions goes on; null: it ends here.")]


class VersionDetail(ModelAnswer):
    """A registered version with its whole report."""

    digest: Annotated[str, Field(description="Of its artifacts.")]
    trained_until: Annotated[
        datetime | None, Field(description="The last instant that it could know; null: flat data without times.")
    ]
    report: Annotated[
        dict[str, Any], Field(description="Of the training: data, candidates, groups, what was left out.")
    ]
    plots: Annotated[list[str], Field(description="Names of the pictures in `/plots/{plot}`.")]
