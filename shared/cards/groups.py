"""The by-group table of a card, and the largest differences between groups that are large enough."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from shared.contracts.model_card import FairnessGap, GroupFigures, GroupTable

Figures = Mapping[str, Any]


def group_tables(stored: Figures) -> list[GroupTable]:
    """Read the tables of all attributes.

    Args:
        stored: `groups` of the evidence; empty where none was kept.
    """
    return [_table(one) for one in stored.get("attributes", ())]


def _table(stored: Figures) -> GroupTable:
    groups = [_group(one) for one in stored["groups"]]
    calibration, found = gap(groups, "calibration_ratio"), gap(groups, "found")
    return GroupTable(
        attribute=stored["name"],
        words=stored["words"],
        groups=groups,
        calibration_gap=calibration,
        found_gap=found,
        finding=_finding(calibration, found),
    )


def _group(stored: Figures) -> GroupFigures:
    intervals = {
        f"{name}{end}": stored[name][part]
        for name in ("calibration_ratio", "found", "auc")
        for end, part in (("", "value"), ("_low", "low"), ("_high", "high"))
    }
    plain = ("name", "contacts", "frames", "positives", "base_rate", "mean_prediction", "compared")
    return GroupFigures(**{name: stored[name] for name in plain}, **intervals)


def gap(groups: Sequence[GroupFigures], figure: str) -> FairnessGap | None:
    """Find the largest difference in a figure between groups that are large enough; None: fewer than two are.

    One beyond chance comes before a larger one that may be chance: of three groups the two that lie farthest apart may
    be uncertain, and two others surely differ.
    """
    known = [one for one in groups if one.compared and getattr(one, figure) is not None]
    pairs = [_pair(one, other, figure) for one, other in combinations(known, 2)]
    return max(pairs, key=lambda pair: (pair.beyond_chance, pair.difference)) if pairs else None


def _pair(one: GroupFigures, other: GroupFigures, figure: str) -> FairnessGap:
    highest, lowest = (one, other) if getattr(one, figure) >= getattr(other, figure) else (other, one)
    low, high = getattr(highest, f"{figure}_low"), getattr(lowest, f"{figure}_high")
    return FairnessGap(
        difference=round(getattr(highest, figure) - getattr(lowest, figure), 6),
        highest=highest.name,
        lowest=lowest.name,
        beyond_chance=low is not None and high is not None and low > high,
    )


def _finding(calibration: FairnessGap | None, found: FairnessGap | None) -> str:
    if calibration is None or found is None:
        return "Too few contacts with the outcome in these groups to compare them."
    if not calibration.beyond_chance and not found.beyond_chance:
        return "No difference between the groups is beyond chance."
    sentences = []
    if calibration.beyond_chance:
        sentences.append(
            f"Chances fit unequally: set against what was predicted, it happens more often for "
            f"“{calibration.highest}” than for “{calibration.lowest}”."
        )
    if found.beyond_chance:
        sentences.append(
            f"Of those who reach the outcome, more of “{found.highest}” have one of the highest scores than of "
            f"“{found.lowest}” (by {100 * found.difference:.0f} points)."
        )
    return " ".join(sentences)
