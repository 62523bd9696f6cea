"""Held-out figures in words: what each measures, how it reads, and what chance or the plain rule reaches beside it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from shared.cards.text import tenths, whole
from shared.contracts.model_card import CardFigure

Figures = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FigureWords:
    """How one figure is read."""

    words: str
    number: Callable[[float], str]
    unit: str
    meaning: Callable[[float], str]
    beside: Callable[[Figures], str | None] = lambda _: None

    def text(self, value: float) -> str:
        """Write a value with its unit."""
        return f"{self.number(value)} {self.unit}".rstrip()

    def interval(self, low: float, high: float) -> str:
        """Write an interval, its unit once."""
        return f"{self.number(low)} to {self.number(high)} {self.unit}".rstrip()


def _one_decimal(value: float) -> str:
    return f"{value:.1f}"


def _two_decimals(value: float) -> str:
    return f"{value:.2f}"


def _three_decimals(value: float) -> str:
    return f"{value:.3f}"


def _saved(value: float, than: str) -> str:
    if value <= 0:
        return f"Its answers are no closer to what happened than {than}."
    return f"Its answers are {whole(value)} % closer to what happened than {than}."


def _slope(value: float) -> str:
    if abs(value - 1) <= 0.1:
        return "High chances are as high, and low ones as low, as they should be."
    return (
        f"Its chances lie too {'close together' if value > 1 else 'far apart'}; the order of contacts is not touched."
    )


def _number_of(figures: Figures, name: str) -> float | None:
    stored = figures.get(name)
    value = stored.get("value") if isinstance(stored, Mapping) else stored
    return float(value) if isinstance(value, (int, float)) and isfinite(value) else None


def _beside(name: str, number: Callable[[float], str], unit: str, who: str) -> Callable[[Figures], str | None]:
    def beside(figures: Figures) -> str | None:
        value = _number_of(figures, name)
        return None if value is None else f"{who}: {number(value)} {unit}".rstrip()

    return beside


WORDS: dict[str, FigureWords] = {
    "auc": FigureWords(
        "Ranking",
        whole,
        "of 100 pairs",
        lambda value: (
            f"Of two contacts of whom only one reaches it, the right one stands higher {whole(value)} times in 100."
        ),
        lambda _: "chance: 50 of 100",
    ),
    "lift_at_10_percent": FigureWords(
        "Top tenth",
        _one_decimal,
        "times",
        lambda value: (
            f"The tenth of contacts with the highest scores reaches it {value:.1f} times as often as average."
        ),
        lambda _: "chance: 1.0 times",
    ),
    "skill_over_plain_rule": FigureWords(
        "Better than the best plain rule",
        tenths,
        "%",
        lambda value: _saved(value, "the best single rule, such as days since the last order"),
        lambda _: "the rule itself: 0 %",
    ),
    "skill_over_constant": FigureWords(
        "Better than the average for everybody",
        tenths,
        "%",
        lambda value: _saved(value, "saying the same for everybody"),
        lambda _: "the average itself: 0 %",
    ),
    "calibration_error": FigureWords(
        "Gap between predicted and happened",
        tenths,
        "points",
        lambda value: f"On average a predicted chance is {tenths(value)} percentage points off.",
        _beside("calibration_error_if_perfect", tenths, "points", "by chance alone"),
    ),
    "calibration_slope": FigureWords("Spread of the chances", _two_decimals, "", _slope, lambda _: "exact: 1.00"),
    "log_loss": FigureWords(
        "Error of the chances (log loss)",
        _three_decimals,
        "",
        lambda _: "Lower is better; it is what versions are compared by.",
        _beside("log_loss_constant", _three_decimals, "", "the average for everybody"),
    ),
    "gain_from_timing": FigureWords(
        "Gained by knowing the hour",
        tenths,
        "%",
        lambda value: _saved(value, "the same model without the hour of sending"),
        lambda _: "without the hour: 0 %",
    ),
    "recall_at_10": FigureWords(
        "Items found by the first ten",
        tenths,
        "of 100",
        lambda value: (
            f"Of the items that ten could name, its first ten name {whole(value)} of 100 that are bought next."
        ),
        _beside("recall_at_10_most_popular", tenths, "of 100", "the most popular"),
    ),
    "recall_at_10_new_items": FigureWords(
        "The same of items new to the contact",
        tenths,
        "of 100",
        lambda value: f"Of what contacts buy for the first time, ten such items name {whole(value)} of 100.",
    ),
    "lift_over_most_popular": FigureWords(
        "Better than showing the most popular",
        tenths,
        "%",
        lambda value: (
            f"What is bought next stands higher in its lists than among the most popular: {whole(value)} % more."
        ),
        lambda _: "the most popular itself: 0 %",
    ),
    "lift_over_repeat_purchase": FigureWords(
        "Better than showing what was bought before",
        tenths,
        "%",
        lambda value: f"What is bought next stands {whole(value)} % higher than when past purchases are shown again.",
        lambda _: "past purchases themselves: 0 %",
    ),
    "catalogue_coverage": FigureWords(
        "Items shown to anybody",
        tenths,
        "%",
        lambda value: f"Of the items that it knows, {whole(value)} % are among the first ten of somebody.",
    ),
    "share_of_fallbacks": FigureWords(
        "Contacts without a list of their own",
        tenths,
        "%",
        lambda value: f"{whole(value)} % of the contacts never bought an item that it knows, and get what is popular.",
    ),
    "agreement": FigureWords(
        "Stability",
        whole,
        "of 100",
        lambda value: (
            f"Found again from other halves of the contacts, the groups agree by {whole(value)} of 100 "
            "(0 is chance, 100 the same groups)."
        ),
        lambda _: "chance: 0 of 100",
    ),
    "spend_explained": FigureWords(
        "Tells who spends next",
        tenths,
        "%",
        lambda value: f"The groups explain {whole(value)} % of how much contacts spent in the next period.",
        _beside("plain_score_spend_explained", tenths, "%", "plain recency, frequency, money"),
    ),
    "activity_explained": FigureWords(
        "Tells who is active next",
        tenths,
        "%",
        lambda value: f"The groups explain {whole(value)} % of who was active in the next period.",
        _beside("plain_score_activity_explained", tenths, "%", "plain recency, frequency, money"),
    ),
    "average_membership": FigureWords(
        "How clearly contacts belong",
        tenths,
        "%",
        lambda value: f"On average a contact belongs to its group with {whole(value)} %.",
    ),
    "auc_with_suspects": FigureWords(
        "Ranking with what was left out as suspicious",
        whole,
        "of 100 pairs",
        lambda _: "By small trees: so much would be gained by what may not be known before the outcome.",
        _beside("auc", whole, "of 100 pairs", "without it"),
    ),
    "auc_without_questioned": FigureWords(
        "Ranking without what nobody has confirmed",
        whole,
        "of 100 pairs",
        lambda _: "By small trees: so much remains without what may not be known before the outcome.",
        _beside("auc", whole, "of 100 pairs", "with it"),
    ),
}


OF_SEND_TIMES: dict[str, FigureWords] = {
    "skill_over_plain_rule": FigureWords(
        "Better than one week for everybody",
        tenths,
        "%",
        lambda value: _saved(value, "the same week for everybody"),
        lambda _: "that week itself: 0 %",
    ),
    "skill_over_constant": FigureWords(
        "Better than not looking at the hour",
        tenths,
        "%",
        lambda value: _saved(value, "if every hour were as good"),
        lambda _: "any hour: 0 %",
    ),
}


def _off(value: float) -> str:
    if abs(value) < 0.0005:
        return "All contacts together were expected to bring what they brought."
    return (
        f"All contacts together were expected to bring {tenths(abs(value))} % too {'much' if value > 0 else 'little'}."
    )


OF_VALUE: dict[str, FigureWords] = {
    "skill_over_plain_rule": FigureWords(
        "Better than the best plain rule",
        tenths,
        "%",
        lambda value: _saved(value, "what the contact spent so far, or the mean of everybody"),
        lambda _: "the rule itself: 0 %",
    ),
    "mean_absolute_error": FigureWords(
        "Error of the value",
        _one_decimal,
        "",
        lambda value: f"On average an expected value lies {value:,.1f} from what came, in the currency of the orders.",
        _beside("mean_absolute_error_plain_rule", _one_decimal, "", "what the contact spent so far"),
    ),
    "spearman": FigureWords(
        "Ranking (Spearman)",
        _two_decimals,
        "",
        lambda _: "How well contacts are put in the order of what they then spent: 1 is perfect.",
        lambda _: "chance: 0.00",
    ),
    "total_bias": FigureWords(
        "Total of all contacts",
        tenths,
        "%",
        _off,
        _beside("total_bias_before", tenths, "%", "before totals were recalibrated"),
    ),
    "interval_coverage": FigureWords(
        "Held by the 80 % interval",
        whole,
        "of 100",
        lambda value: f"Of 100 values that came, {whole(value)} lay in their interval.",
        lambda _: "meant: 80 of 100",
    ),
}


def _reward(value: float) -> str:
    """Write what a send earns: few bring anything, so that it may be small.

    >>> _reward(0.09134), _reward(12.5)
    ('0.0913', '12.5')
    """
    return f"{value:.3g}"


def _gain(than: str) -> Callable[[float], str]:
    def meaning(value: float) -> str:
        return f"A send earns {_reward(abs(value))} {'more' if value > 0 else 'less'} than {than}."

    return meaning


OF_MESSAGES: dict[str, FigureWords] = {
    "reward_of_policy": FigureWords(
        "What a send earns",
        _reward,
        "",
        lambda value: f"By this version a send would have earned {_reward(value)}: a share of those sent, or a value.",
        _beside("reward_of_equal_chances", _reward, "", "by equal chances"),
    ),
    "gain_over_equal_chances": FigureWords(
        "More than by equal chances",
        _reward,
        "",
        _gain("if messages were drawn by lot"),
        lambda _: "equal chances themselves: 0",
    ),
    "gain_over_best_message": FigureWords(
        "More than the best single message",
        _reward,
        "",
        _gain("if everybody got the message that earns most on average"),
        lambda _: "that message itself: 0",
    ),
}


def _adds(value: float) -> str:
    return f"On average the arm {'adds' if value >= 0 else 'takes'} {tenths(abs(value))} of 100 contacts."


OF_UPLIFT: dict[str, FigureWords] = {
    "average_effect": FigureWords(
        "Average effect of the best arm",
        _three_decimals,
        "",
        _adds,
        lambda _: "no effect: 0.000",
    ),
    "policy_gain": FigureWords(
        "Choosing for each, over the best rule for all",
        _three_decimals,
        "a contact",
        lambda value: (
            "More than one rule for everybody brings." if value > 0 else "Not more than one rule for everybody brings."
        ),
        lambda _: "one rule for all: 0.000",
    ),
    "qini": FigureWords(
        "Ranking by effect (Qini)",
        _three_decimals,
        "a contact",
        lambda _: "How much more is gained where those with the greatest predicted effect come first.",
        _beside("qini_of_response_score", _three_decimals, "a contact", "the response score"),
    ),
    "value_of_personal_choice": FigureWords(
        "Outcome when chosen for each",
        _three_decimals,
        "a contact",
        lambda _: "What held-out contacts would have done on average.",
        _beside("value_of_best_for_all", _three_decimals, "a contact", "the best rule for all"),
    ),
    "value_of_best_for_all": FigureWords(
        "Outcome under the best rule for all",
        _three_decimals,
        "a contact",
        lambda _: "What held-out contacts would have done if all had got the same.",
        _beside("value_of_nobody", _three_decimals, "a contact", "nobody treated"),
    ),
}
_OF_CAPABILITY = {"sendtime": OF_SEND_TIMES, "value": OF_VALUE, "messages": OF_MESSAGES, "uplift": OF_UPLIFT}


def card_figures(figures: Figures, capability: str) -> list[CardFigure]:
    """Put the figures that have words into words, in the order in which they matter.

    Args:
        figures: of the row, by name.
        capability: some figures have other words for send times, or are of values alone.
    """
    found = []
    for name, words in (WORDS | _OF_CAPABILITY.get(capability, {})).items():
        value = _number_of(figures, name)
        if value is None:
            continue
        stored = figures[name]
        low, high = (stored.get("low"), stored.get("high")) if isinstance(stored, Mapping) else (None, None)
        found.append(
            CardFigure(
                name=name,
                words=words.words,
                text=words.text(value),
                interval=words.interval(low, high) if low is not None and high is not None else None,
                beside=words.beside(figures),
                meaning=words.meaning(value),
                value=value,
                low=low,
                high=high,
            )
        )
    return found
