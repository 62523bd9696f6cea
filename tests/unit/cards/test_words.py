"""Figures, groups and limits in words."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from shared.cards.card import group_tables
from shared.cards.figures import card_figures
from shared.cards.text import limits, week_finding
from shared.store import VersionRow

Ends = tuple[float, float, float]


def tables(ratios: Sequence[Ends], found: Sequence[Ends], *, compared: bool = True) -> Any:
    def interval(ends: Ends) -> dict[str, float]:
        return dict(zip(("value", "low", "high"), ends, strict=True))

    counted = {"contacts": 300, "frames": 900, "positives": 90, "base_rate": 0.1, "mean_prediction": 0.1}
    groups = [
        {
            **counted,
            "name": name,
            "compared": compared,
            "calibration_ratio": interval(ratio),
            "found": interval(share),
            "auc": interval((0.7, 0.6, 0.8)),
        }
        for name, ratio, share in zip("abc", ratios, found, strict=False)
    ]
    return group_tables({"attributes": [{"name": "plan", "words": "Plan", "groups": groups}]})[0]


ALIKE: Sequence[Ends] = [(1.0, 0.9, 1.1), (0.95, 0.8, 1.1)]
APART: Sequence[Ends] = [(0.9, 0.85, 0.95), (0.6, 0.5, 0.7)]


@pytest.mark.parametrize(
    ("ratios", "found", "finding"),
    [
        (ALIKE, ALIKE, "No difference between the groups is beyond chance."),
        (
            ALIKE,
            APART,
            "Of those who reach the outcome, more of “a” have one of the highest scores than of “b” (by 30 points).",
        ),
        (
            APART,
            ALIKE,
            "Chances fit unequally: set against what was predicted, it happens more often for “a” than for “b”.",
        ),
    ],
)
def test_a_difference_between_groups_is_named_where_it_is_beyond_chance(
    ratios: Sequence[Ends], found: Sequence[Ends], finding: str
) -> None:
    assert tables(ratios, found).finding == finding


def test_a_sure_difference_is_named_though_a_larger_one_may_be_chance() -> None:
    ratios: Sequence[Ends] = [(1.5, 0.8, 2.6), (1.3, 1.2, 1.4), (0.8, 0.75, 0.85)]

    table = tables(ratios, [*ALIKE, (0.98, 0.9, 1.0)])

    gap = table.calibration_gap
    assert (gap.highest, gap.lowest, gap.difference, gap.beyond_chance) == ("b", "c", 0.5, True)
    assert table.finding.startswith("Chances fit unequally")


def test_groups_that_are_too_small_are_not_compared() -> None:
    table = tables(APART, APART, compared=False)

    assert (table.calibration_gap, table.found_gap) == (None, None)
    assert table.finding == "Too few contacts with the outcome in these groups to compare them."


@pytest.mark.parametrize(
    ("name", "value", "text", "meaning"),
    [
        ("auc", 0.904, "90 of 100 pairs", "the right one stands higher 90 times in 100."),
        ("skill_over_plain_rule", 0.154, "15.4 %", "Its answers are 15 % closer to what happened than the best single"),
        ("skill_over_plain_rule", -0.01, "-1.0 %", "no closer to what happened than the best single rule"),
        ("calibration_error", 0.0061, "0.6 points", "On average a predicted chance is 0.6 percentage points off."),
        ("auc", 0.998, "99.8 of 100 pairs", "the right one stands higher 99.8 times in 100."),
        ("skill_over_plain_rule", 0.004, "0.4 %", "Its answers are 0.4 % closer"),
        ("calibration_error", 0.0004, "0.04 points", "is 0.04 percentage points off."),
        ("calibration_slope", 0.95, "0.95", "as low, as they should be."),
        ("calibration_slope", 1.3, "1.30", "too close together"),
        ("calibration_slope", 0.7, "0.70", "too far apart"),
    ],
)
def test_a_figure_is_read_in_words(name: str, value: float, text: str, meaning: str) -> None:
    figure = card_figures({name: value}, "scoring")[0]

    assert figure.text == text
    assert meaning in figure.meaning


@pytest.mark.parametrize("number", [float("nan"), float("inf"), None, "0.8", {"value": None}])
def test_what_is_no_number_is_no_figure(number: Any) -> None:
    assert card_figures({"auc": number}, "scoring") == []


@pytest.mark.parametrize(
    ("name", "beside"),
    [("auc_with_suspects", "without it: 80 of 100 pairs"), ("auc_without_questioned", "with it: 80 of 100 pairs")],
)
def test_what_an_answer_about_a_column_would_change_stands_beside_the_ranking(name: str, beside: str) -> None:
    found = card_figures({"auc": 0.8, name: 0.9}, "scoring")

    assert [(one.text, one.beside) for one in found] == [
        ("80 of 100 pairs", "chance: 50 of 100"),
        ("90 of 100 pairs", beside),
    ]


def test_send_times_are_compared_with_one_week_for_everybody() -> None:
    found = card_figures({"skill_over_plain_rule": 0.04, "calibration_error_if_perfect": 0.1}, "sendtime")

    assert [one.meaning for one in found] == [
        "Its answers are 4 % closer to what happened than the same week for everybody."
    ]


def test_a_column_that_is_questioned_is_a_limit(bare: Callable[[str], VersionRow]) -> None:
    row = replace(bare("scoring"), report={"questioned": ["stage: its value alone"], "evidence": {}})

    assert limits(row, now=row.trained_at) == [
        "It is not proven to be better than the best plain rule.",
        "It looks at this, though nobody has said that it is known before the outcome. stage: its value alone.",
    ]


@pytest.mark.parametrize(
    ("values", "finding"),
    [
        ([None] * 168, "No hour was ever tried."),
        ([2 / 168, *[1 / 168] * 167], "An average contact is most active on Monday 00:00: 2.0 times as much"),
    ],
)
def test_a_week_is_summed_up_in_a_sentence(values: list[float | None], finding: str) -> None:
    assert week_finding("activity", values).startswith(finding)
