"""How a model does on what happened after its predictions, beside what the test of its training promised."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from shared.contracts.prediction import Answer

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Assessment = Literal["holds", "chances_off", "worse", "not_enough", "not_measured"]
LEAST_CLOSED = 40
"""Contacts with the outcome, and as many without, from which on a version is judged."""
LEAST_FOR_BOUNDS = 10
"""Contacts with the outcome, and as many without, from which on figures have an interval: of fewer, resamples hold the
true figure far less often than they say (of one positive, one time in seven)."""


class LiveFigure(Answer):
    """A figure and its 95 % interval over contacts."""

    value: Annotated[float | None, Field(description="The figure; null where it cannot be told.")]
    low: Annotated[
        float | None,
        Field(description="Lower bound; null below ten contacts with the outcome or without it: chance is not known."),
    ]
    high: Annotated[float | None, Field(description="Upper bound; null as the lower one.")]


class Bin(Answer):
    """Predictions of similar probability."""

    predictions: Annotated[Count, Field(description="How many.")]
    expected: Annotated[Share, Field(description="Their mean probability.")]
    observed: Annotated[Share, Field(description="Share of them that reached the outcome.")]


class QualityFigures(Answer):
    """Closed predictions compared with what happened; the first of each contact and week of each version."""

    predictions: Annotated[Count, Field(description="How many were compared.")]
    contacts: Annotated[Count, Field(description="Of how many contacts.")]
    contacts_reached: Annotated[Count, Field(description="For how many contacts one of the predictions came true.")]
    contacts_not_reached: Annotated[Count, Field(description="For how many contacts one of them did not come true.")]
    positives: Annotated[Count, Field(description="How many of the predictions came true: the outcome was reached.")]
    expected: Annotated[float, Field(ge=0, description="How many were to come true by their probabilities.")]
    base_rate: Annotated[LiveFigure, Field(description="Share that reached the outcome.")]
    expected_rate: Annotated[Share, Field(description="Mean probability: what the share should have been.")]
    auc: Annotated[LiveFigure, Field(description="How often one that reached it stood above one that did not.")]
    log_loss: Annotated[LiveFigure, Field(description="Mean log loss, nats; less is better.")]
    skill_over_constant: Annotated[
        LiveFigure,
        Field(
            description="Share of the log loss saved against saying to everybody the rate among those whom the version "
            "learned from; 0 is worth nothing."
        ),
    ]
    calibration_slope: Annotated[
        LiveFigure, Field(description="1: probabilities lie as far apart as they should; below: too far apart.")
    ]
    lift_at_10_percent: Annotated[
        LiveFigure, Field(description="How many times the base rate the tenth with the highest probabilities reached.")
    ]
    sampled_share: Annotated[
        float,
        Field(
            gt=0,
            le=1,
            description="Which part of the contacts without the outcome the figures were computed from, each weighted "
            "by its inverse; 1: all of them.",
        ),
    ]


class WeekQuality(Answer):
    """The predictions of one version with cutoffs in one week."""

    week: Annotated[str, Field(description="ISO week of the cutoffs, UTC: 2026-W14.")]
    starts_on: Annotated[date, Field(description="Its Monday.")]
    version: Annotated[str, Field(description="The version that predicted.")]
    figures: Annotated[QualityFigures, Field(description="How it did.")]


class Promise(Answer):
    """What the test of a version's training said; null where it said nothing of it."""

    base_rate: Annotated[float | None, Field(description="Share that reached the outcome among those tested on.")]
    auc: Annotated[LiveFigure | None, Field(description="See the live figure.")]
    log_loss: Annotated[LiveFigure | None, Field(description="See the live figure.")]
    skill_over_constant: Annotated[LiveFigure | None, Field(description="See the live figure.")]
    calibration_slope: Annotated[LiveFigure | None, Field(description="See the live figure.")]
    lift_at_10_percent: Annotated[LiveFigure | None, Field(description="See the live figure.")]


class VersionQuality(Answer):
    """One version: what it promised, and what came of it."""

    version: Annotated[str, Field(description="The registered version.")]
    horizon_days: Annotated[
        int, Field(description="How far after the cutoff the outcome may come for this version: by that it is judged.")
    ]
    verdict: Annotated[
        Assessment,
        Field(
            description="`holds`: as promised; `chances_off`: the order holds, but too many or too few reached the "
            "outcome; `worse`: than promised, beyond chance; `not_enough`: too few predictions are over; "
            "`not_measured`: there is nothing to compare with."
        ),
    ]
    text: Annotated[str, Field(description="The same in a sentence or two.")]
    promised: Annotated[Promise | None, Field(description="By its test; null: it is not in the catalogue any more.")]
    live: Annotated[QualityFigures | None, Field(description="On all its predictions that are over; null: none is.")]
    reliability: Annotated[list[Bin], Field(max_length=10, description="By probability, ten groups of equal size.")]
    open: Annotated[Count, Field(description="Predictions of which nobody knows yet whether they come true.")]
    next_closes_at: Annotated[datetime | None, Field(description="When the next one is over; null: nobody knows.")]


class NotCompared(Answer):
    """Logged predictions that were not compared."""

    repeated: Annotated[Count, Field(description="Further ones of the same contact, week and version.")]
    not_stored: Annotated[Count, Field(description="Their contacts are not stored: answered from the call alone.")]
    without_probability: Annotated[
        Count, Field(description="They hold no probability, or one that is withheld until a holdout ends.")
    ]
    learned_from: Annotated[
        Count, Field(description="Cutoffs from before the end of what their version learned from: no test of it.")
    ]
    reached_before: Annotated[Count, Field(description="The outcome had come before the cutoff, as is known by now.")]


class SegmentFlow(Answer):
    """Contacts who went from one segment to another between two weeks."""

    before: Annotated[str, Field(description="Id of the segment they were in the week before.")]
    after: Annotated[str, Field(description="Id of the one they are in.")]
    contacts: Annotated[Count, Field(description="How many.")]


class SegmentWeek(Answer):
    """Who was in which segment in one week."""

    week: Annotated[str, Field(description="ISO week of the cutoffs, UTC: 2026-W14.")]
    starts_on: Annotated[date, Field(description="Its Monday.")]
    contacts: Annotated[Count, Field(description="How many were placed.")]
    shares: Annotated[dict[str, Share], Field(description="Share of them by id of the segment.")]
    moved_share: Annotated[
        Share | None, Field(description="Of those also placed the week before, who is in another one; null: nobody is.")
    ]
    moves: Annotated[
        list[SegmentFlow] | None,
        Field(description="Who went where since the week before, most contacts first; null: not counted yet."),
    ]

    @model_validator(mode="before")
    @classmethod
    def _counted_before(cls, content: Any) -> Any:
        """Read what a release kept that did not count moves."""
        return {"moves": None, **content} if isinstance(content, dict) else content


class ModelQuality(Answer):
    """Everything that was found about a model when its predictions were last compared with what happened."""

    measured_at: Annotated[datetime, Field(description="When, UTC.")]
    complete_until: Annotated[
        datetime | None, Field(description="What happened until then is known: the newest event; null: there is none.")
    ]
    horizon_days: Annotated[int | None, Field(description="How far after the cutoff the outcome may come.")]
    verdict: Annotated[
        Assessment, Field(description="Of the version that answers, else of the newest that can be judged.")
    ]
    judged_version: Annotated[str | None, Field(description="Of which version; null: of none.")]
    text: Annotated[str, Field(description="The same in words.")]
    all_versions: Annotated[QualityFigures | None, Field(description="All predictions that are over; null: none is.")]
    versions: Annotated[list[VersionQuality], Field(description="The newest first.")]
    weeks: Annotated[list[WeekQuality], Field(description="By week, then version; the last 53 weeks.")]
    segment_weeks: Annotated[list[SegmentWeek], Field(description="Segmentation only: by week.")]
    left_out: Annotated[NotCompared, Field(description="What was not compared, counted.")]


def quality_of(document: Any) -> ModelQuality | None:
    """Read what the store keeps of a model's quality; None: nothing, or what another release wrote."""
    try:
        return None if document is None else ModelQuality.model_validate(document["report"])
    except (ValidationError, KeyError, TypeError):
        return None
