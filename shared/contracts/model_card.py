"""The card of a version, and its cut-offs: one object for the API, the command line and the page."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from shared.contracts.prediction import Answer, Grade

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class CardFact(Answer):
    """One line of what was learned from."""

    label: Annotated[str, Field(description="What it is.")]
    value: Annotated[str, Field(description="In words.")]


class LeftOutContacts(Answer):
    """Contacts that nothing was learned from."""

    reason: Annotated[str, Field(description="Why.")]
    contacts: Annotated[Count, Field(description="How many.")]


class LeftOutColumn(Answer):
    """Something known of contacts that the model does not look at."""

    name: Annotated[str, Field(description="Of the attribute or feature.")]
    words: Annotated[str, Field(description="The same in words.")]
    reason: Annotated[str, Field(description="Why it was left out.")]


class CardFeature(Answer):
    """Something that the model looks at."""

    name: Annotated[str, Field(description="Of the feature; stable within a version.")]
    words: Annotated[str, Field(description="The same in words.")]
    share: Annotated[Share, Field(description="Of all that the model draws from its features.")]


class CardFigure(Answer):
    """One held-out figure, beside what a plain rule would reach."""

    name: Annotated[str, Field(description="As in `figures` of the version.")]
    words: Annotated[str, Field(description="What it measures.")]
    text: Annotated[str, Field(description="The figure as a reader takes it, with its unit.")]
    interval: Annotated[str | None, Field(description="Its 95 % interval over contacts; null: it has none.")]
    beside: Annotated[str | None, Field(description="What chance or the plain rule reaches; null: nothing compares.")]
    meaning: Annotated[str, Field(description="One sentence that says what follows from it.")]
    value: Annotated[float | None, Field(description="The figure; null: it cannot be told.")]
    low: Annotated[float | None, Field(description="Lower end of the interval.")]
    high: Annotated[float | None, Field(description="Upper end of the interval.")]


class CardCandidate(Answer):
    """What competed with the version that was registered."""

    label: Annotated[str, Field(description="What it is.")]
    log_loss: Annotated[float | None, Field(description="Held-out error of its chances, nats; lower is better.")]
    auc: Annotated[float | None, Field(description="How often it ranks a pair rightly; 0.5 is chance.")]
    served: Annotated[bool, Field(description="Whether it is what answers.")]


class CalibrationGroup(Answer):
    """Held-out frames with about the same chance."""

    predicted: Annotated[Share, Field(description="Mean chance that was predicted.")]
    happened: Annotated[Share, Field(description="Share that reached the outcome.")]
    frames: Annotated[Count, Field(description="How many.")]


class LiftGroup(Answer):
    """The contacts with the highest scores."""

    share: Annotated[Share, Field(description="Of all contacts.")]
    lift: Annotated[float | None, Field(description="How many times the average rate they reach.")]


class ScoreRange(Answer):
    """What a score in a range meant for contacts that the model had not learned from."""

    from_score: Annotated[int, Field(ge=1, le=99, description="The lowest score.")]
    to_score: Annotated[int, Field(ge=1, le=99, description="The highest score.")]
    share: Annotated[Share, Field(description="Of all held-out frames.")]
    happened: Annotated[Share, Field(description="Share that reached the outcome.")]


class GroupFigures(Answer):
    """How the version does on one group of contacts; held-out frames only."""

    name: Annotated[str, Field(description="The value of the attribute, a range of it, or who has none.")]
    contacts: Annotated[Count, Field(description="How many contacts.")]
    frames: Annotated[Count, Field(description="How many frames: a contact asked about at several dates has several.")]
    positives: Annotated[Count, Field(description="Frames that reached the outcome.")]
    base_rate: Annotated[Share, Field(description="Share that reached the outcome.")]
    mean_prediction: Annotated[Share, Field(description="Mean chance that was predicted.")]
    calibration_ratio: Annotated[float | None, Field(description="Happened divided by predicted; 1 is exact.")]
    calibration_ratio_low: Annotated[float | None, Field(description="Lower end of its 95 % interval.")]
    calibration_ratio_high: Annotated[float | None, Field(description="Upper end of its 95 % interval.")]
    found: Annotated[
        float | None, Field(description="Share of those who reached it that were at or above the cut (true positives).")
    ]
    found_low: Annotated[float | None, Field(description="Lower end of its 95 % interval.")]
    found_high: Annotated[float | None, Field(description="Upper end of its 95 % interval.")]
    auc: Annotated[float | None, Field(description="How often a pair within the group is ranked rightly.")]
    auc_low: Annotated[float | None, Field(description="Lower end of its 95 % interval.")]
    auc_high: Annotated[float | None, Field(description="Upper end of its 95 % interval.")]
    compared: Annotated[bool, Field(description="Whether it is large enough to count for the gap.")]


class FairnessGap(Answer):
    """The largest difference between two groups that are large enough; one beyond chance before one that is not."""

    difference: Annotated[float, Field(ge=0, description="Between the two.")]
    highest: Annotated[str, Field(description="The group with the higher figure.")]
    lowest: Annotated[str, Field(description="The group with the lower figure.")]
    beyond_chance: Annotated[bool, Field(description="Whether the two 95 % intervals do not overlap.")]


class GroupTable(Answer):
    """How the version does by one attribute."""

    attribute: Annotated[str, Field(description="Its name.")]
    words: Annotated[str, Field(description="The same in words.")]
    groups: Annotated[list[GroupFigures], Field(description="Of 20 contacts or more.")]
    calibration_gap: Annotated[FairnessGap | None, Field(description="In happened / predicted; null: too few.")]
    found_gap: Annotated[FairnessGap | None, Field(description="In the share found from the cut on; null: too few.")]
    finding: Annotated[str, Field(description="What the table says, in one or two sentences.")]


class CardSegment(Answer):
    """One behaviour group of a segmentation."""

    id: Annotated[str, Field(description="Of the segment.")]
    name: Annotated[str, Field(description="As it was named.")]
    description: Annotated[str, Field(description="What its typical member does.")]
    share: Annotated[Share, Field(description="Of all contacts.")]
    size: Annotated[Count, Field(description="Contacts.")]


class CardWeek(Answer):
    """What the hours of the local week are worth for an average contact."""

    unit: Annotated[str, Field(description="activity (a share); click, open or order (a chance).")]
    values: Annotated[
        list[float | None],
        Field(min_length=168, max_length=168, description="Monday 00 first; null: nothing was ever sent then."),
    ]
    finding: Annotated[str, Field(description="What the picture says.")]


class ModelCard(Answer):
    """A version for a reader who is no data scientist."""

    name: Annotated[str, Field(description="Of the model, as in `/models/{name}`.")]
    version: Annotated[str, Field(description="The registered version.")]
    champion: Annotated[bool, Field(description="Whether it is the one that answers.")]
    question: Annotated[str, Field(description="What it answers.")]
    grade: Annotated[Grade, Field(description="A to D.")]
    grade_in_words: Annotated[str, Field(description="What the grade means.")]
    kind: Annotated[str, Field(description="What kind of model it is, in words.")]
    horizon_days: Annotated[int | None, Field(description="How far after the cutoff the outcome may come.")]
    trained_at: Annotated[datetime, Field(description="When it was trained, UTC.")]
    age_days: Annotated[Count, Field(description="Full days since.")]
    in_short: Annotated[list[str], Field(description="What to know first.")]
    how_to_read: Annotated[list[str], Field(description="How an answer is read.")]
    score_ranges: Annotated[list[ScoreRange], Field(description="What scores meant; empty where there are no scores.")]
    figures: Annotated[list[CardFigure], Field(description="How good it is, on frames that it had not learned from.")]
    candidates: Annotated[list[CardCandidate], Field(description="What it competed with.")]
    calibration: Annotated[list[CalibrationGroup], Field(description="Predicted and happened; empty: no chances.")]
    lift: Annotated[list[LiftGroup], Field(description="How much more often those with the highest scores reach it.")]
    features: Annotated[list[CardFeature], Field(description="What it looks at most.")]
    groups_from_score: Annotated[int | None, Field(description="The cut at which groups are compared.")]
    groups: Annotated[list[GroupTable], Field(description="How it does by attribute; empty: not measured.")]
    segments: Annotated[list[CardSegment], Field(description="Of a segmentation; else empty.")]
    week: Annotated[CardWeek | None, Field(description="Of send times; else null.")]
    learned_from: Annotated[list[CardFact], Field(description="Data, window, counts.")]
    left_out_contacts: Annotated[list[LeftOutContacts], Field(description="Who was left out, and why.")]
    left_out_columns: Annotated[list[LeftOutColumn], Field(description="What it does not look at, and why.")]
    limits: Annotated[list[str], Field(description="What to beware of.")]
    misuse: Annotated[list[str], Field(description="What it must not be used for.")]
    digest: Annotated[str, Field(description="Of the registered artifacts.")]
    data_digest: Annotated[str | None, Field(description="Of what was learned from.")]


class Cut(Answer):
    """Everybody with a score or more is addressed."""

    from_score: Annotated[int, Field(ge=1, le=99, description="The lowest score that is addressed.")]
    contacts: Annotated[Count, Field(description="How many of the population that is.")]
    share: Annotated[Share, Field(description="The same as a share of the population.")]
    true_positives: Annotated[float, Field(ge=0, description="Of them, expected to reach the outcome.")]
    false_positives: Annotated[float, Field(ge=0, description="Of them, expected not to.")]
    precision: Annotated[Share, Field(description="True positives divided by contacts addressed.")]
    recall: Annotated[Share, Field(description="Share of all who reach the outcome that is addressed.")]
    profit: Annotated[float, Field(description="value * true positives - cost * contacts.")]


class BestCut(Cut):
    """The cut of the highest expected profit within the capacity."""

    precision_low: Annotated[Share, Field(description="Lower end of the 95 % interval of the precision.")]
    precision_high: Annotated[Share, Field(description="Upper end.")]
    profit_low: Annotated[float, Field(description="The profit at the lower end of the precision.")]
    profit_high: Annotated[float, Field(description="The profit at its upper end.")]
    only_first: Annotated[
        bool, Field(description="Whether the capacity does not hold all with this score: take the first of the list.")
    ]


class Population(Answer):
    """Whom the counts are of."""

    contacts: Annotated[Count, Field(description="How many.")]
    source: Annotated[
        str, Field(description="latest_predictions: contacts with a stored score; held_out: per 1,000 of the report.")
    ]


class Thresholds(Answer):
    """Which cut-off pays, by the outcomes of held-out frames."""

    name: Annotated[str, Field(description="Of the model.")]
    version: Annotated[str, Field(description="The version whose scores are cut.")]
    value: Annotated[float, Field(gt=0, description="What a contact brings that is addressed and reaches the outcome.")]
    cost: Annotated[float, Field(ge=0, description="What addressing one contact costs.")]
    capacity: Annotated[int | None, Field(description="How many contacts can be addressed; null: all.")]
    break_even_probability: Annotated[float, Field(description="cost / value: below it, addressing a contact loses.")]
    break_even_score: Annotated[
        int | None, Field(description="From which score on the predicted chance is that high; null: from none.")
    ]
    population: Annotated[Population, Field(description="Of whom contacts, positives and profit are counted.")]
    best: Annotated[BestCut | None, Field(description="null: addressing nobody loses least.")]
    everybody: Annotated[Cut, Field(description="What addressing all would bring.")]
    sentence: Annotated[str, Field(description="The advice in words.")]
    cuts: Annotated[list[Cut], Field(description="Every cut-off, the highest score first.")]
