"""A card from a row of the catalogue: what is in the report, in a marketer's words; an older row gives what it has."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, Final

from shared.capabilities import TABLE
from shared.cards.figures import card_figures
from shared.cards.text import how_to_read, in_short, limits, misuse, percentage, week_finding
from shared.contracts.model_card import (
    CalibrationGroup,
    CardCandidate,
    CardFact,
    CardFeature,
    CardSegment,
    CardWeek,
    FairnessGap,
    GroupFigures,
    GroupTable,
    LeftOutColumn,
    LeftOutContacts,
    LiftGroup,
    ModelCard,
    ScoreRange,
)
from shared.contracts.rows import DAY, Microseconds, instant_of
from shared.features.learn import column_in_words
from shared.store import VersionRow

Figures = Mapping[str, Any]
RANGES: Final = ((95, 99), (80, 94), (50, 79), (1, 49))
"""Scores of the top twentieth, the next 15 %, the next 30 %, and the lower half."""
MOST_FEATURES = 10
KINDS: Final = {
    "lightgbm": "decision trees (LightGBM)",
    "logistic": "logistic regression",
    "blend": "decision trees and logistic regression together",
    "rule": "the best plain rule",
    "kmeans": "groups of similar contacts (k-means)",
    "rfm": "a rule by recency, frequency and money",
    "hierarchy": "averages of everybody, of contacts alike, and of the contact",
    "closed_form": "BG/NBD and Gamma-Gamma in closed form",
    "thompson": "a line of weights for each message, drawn to those that share its attributes (Thompson sampling)",
    "activity": "hours at which everybody, contacts alike, and the contact are active",
    "t_learner": "decision trees an arm, subtracted (T-learner)",
    "x_learner": "decision trees on the gap to the other arm (X-learner)",
    "dr_learner": "decision trees on doubly robust numbers (DR-learner)",
}
_KINDS_OF_VALUE: Final = {
    "blend": "half BG/NBD and Gamma-Gamma, half decision trees (LightGBM)",
    "rule": "the own rate of each contact, drawn towards everybody's",
}
_GRADES: Final[Mapping[str, str]] = {
    "A": "surely much better than the best plain rule",
    "B": "surely better than the best plain rule",
    "C": "better than the best plain rule, or judged on few contacts",
    "D": "not proven to be better than the best plain rule",
}
_GRADES_OF_SEGMENTS: Final[Mapping[str, str]] = {
    "A": "surely tells much more of what contacts do next than plain recency, frequency and money",
    "B": "surely tells more of what contacts do next than plain recency, frequency and money",
    "C": "tells more of what contacts do next than plain recency, frequency and money, or holds less well",
    "D": "not proven to tell more of what contacts do next than plain recency, frequency and money",
}
_GRADES_OF_UPLIFT: Final[Mapping[str, str]] = {
    "A": "to choose for each contact surely brings more than one rule for all",
    "B": "surely tells whom the treatment changes more, and whom less",
    "C": "surely knows the average effect, and no more",
    "D": "not proven that the treatment changes anything",
}
_GRADES_OF: Final = {"segmentation": _GRADES_OF_SEGMENTS, "uplift": _GRADES_OF_UPLIFT}
_PEOPLE: Final = {
    "refused_profiling": "They refused profiling (consent): neither learned from nor predicted.",
    "too_new": "Too new: they became known after the last date that could be asked about.",
    "not_in_question": "Never in question at the dates asked about: not active lately, or the outcome reached before.",
}
_STEERS, _TURNS = re.compile(r"[\x00-\x1f\x7f-\x9f]"), re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_NOT_SEGMENTED: Final = "No activity in the time that was looked at."


def card_of(row: VersionRow, *, name: str, champion: bool | None, now: Microseconds) -> ModelCard:
    """Make the card of a version.

    Args:
        row: of the catalogue, of any age.
        name: of the model, as paths have it.
        champion: whether it is the one that answers; None: nothing is said of it, for a text that is kept.
        now: to know its age.
    """
    row = replace(row, report=_shown(row.report))
    report, evidence = row.report, row.report.get("evidence", {})
    ranges = score_ranges(evidence.get("scores"))
    figures = card_figures(row.figures, row.capability)
    groups = evidence.get("groups", {})
    return ModelCard(
        name=name,
        version=row.version,
        champion=bool(champion),
        question=evidence.get("question") or _question(row),
        grade=row.grade,
        grade_in_words=_GRADES_OF.get(row.capability, _GRADES)[row.grade],
        kind=(KINDS | (_KINDS_OF_VALUE if row.capability == "value" else {})).get(row.kind, row.kind),
        horizon_days=row.horizon_days,
        trained_at=instant_of(row.trained_at),
        age_days=max(0, (now - row.trained_at) // DAY),
        in_short=in_short(row, figures, ranges, champion=champion),
        how_to_read=how_to_read(row, ranges),
        score_ranges=ranges,
        figures=figures,
        candidates=[_candidate(one) for one in report.get("candidates", ())],
        calibration=_calibration(report.get("reliability") or {}),
        lift=_lift(report.get("lift") or {}),
        features=_features(report, evidence),
        groups_from_score=groups.get("from_score"),
        groups=group_tables(groups),
        segments=[_segment(one) for one in report.get("segments", ())],
        week=_week(evidence.get("week")),
        learned_from=_learned_from(row),
        left_out_contacts=_left_out(row, evidence.get("people", {})),
        left_out_columns=_left_out_columns(report),
        limits=limits(row, now=now),
        misuse=misuse(row.capability),
        digest=row.digest,
        data_digest=report.get("data_digest"),
    )


def _shown(found: Any) -> Any:
    """Take out of a report what would steer a terminal, or turn the text around it to the left."""
    if isinstance(found, str):
        return found if found.isprintable() else _STEERS.sub("\ufffd", _TURNS.sub("", " ".join(found.split())))
    if isinstance(found, Mapping):
        return {name: _shown(value) for name, value in found.items()}
    return [_shown(value) for value in found] if isinstance(found, list) else found


def _question(row: VersionRow) -> str:
    """Say what a version of before kept no sentence of."""
    within = "" if row.horizon_days is None else f" within {row.horizon_days} days"
    if row.capability == "scoring":
        return f"How likely is this contact to reach {row.outcome}{within}?"
    if row.capability == "churn":
        return f"How likely is this contact to leave ({row.outcome}){within}?"
    return next((line.question for line in TABLE if line.name == row.capability), f"{row.capability}?")


def score_ranges(scores: Figures | None) -> list[ScoreRange]:
    """Say what came of held-out frames by their score, the highest range first.

    Args:
        scores: counts of the evidence; None: there are none.
    """
    if scores is None:
        return []
    found, total = [], sum(scores["frames"])
    for low, high in RANGES:
        frames, hits = (sum(scores[name][low - 1 : high]) for name in ("frames", "positives"))
        if frames:
            found.append(ScoreRange(from_score=low, to_score=high, share=frames / total, happened=hits / frames))
    return found


def _candidate(stored: Figures) -> CardCandidate:
    names = {"constant": "the same chance for everybody", "rule": "the best plain rule"}
    label = str(stored["label"])
    return CardCandidate(
        label=names.get(label, label),
        log_loss=stored.get("log_loss"),
        auc=stored.get("auc"),
        served=bool(stored.get("served")),
    )


def _calibration(stored: Figures) -> list[CalibrationGroup]:
    columns = [stored.get(name, ()) for name in ("predicted", "seen", "count")]
    return [CalibrationGroup(predicted=p, happened=s, frames=n) for p, s, n in zip(*columns, strict=True)]


def _lift(stored: Figures) -> list[LiftGroup]:
    shares, lifts = stored.get("share", ()), stored.get("lift", ())
    return [LiftGroup(share=share, lift=lift) for share, lift in zip(shares, lifts, strict=True)]


def _features(report: Figures, evidence: Figures) -> list[CardFeature]:
    stored: Sequence[Figures] = evidence.get("features") or [
        {"name": name, "words": column_in_words(name), "share": share} for name, share in report.get("importance", ())
    ]
    return [CardFeature(name=one["name"], words=one["words"], share=one["share"]) for one in stored[:MOST_FEATURES]]


def _segment(stored: Figures) -> CardSegment:
    return CardSegment(**{name: stored[name] for name in ("id", "name", "description", "share", "size")})


def _week(stored: Figures | None) -> CardWeek | None:
    if stored is None:
        return None
    return CardWeek(
        unit=stored["unit"], values=stored["values"], finding=week_finding(stored["unit"], stored["values"])
    )


def _learned_from(row: VersionRow) -> list[CardFact]:
    """List data window and counts, as far as the row has them."""
    data = row.report.get("data", {})
    lines = [
        ("Contacts", _count(data, "contacts")),
        ("Of them with the outcome", _count(data, "positive_contacts") or _count(data, "engaged_contacts")),
        ("Cases (a contact at a date)", _count(data, "frames")),
        ("Of them with the outcome", _count(data, "positive_frames")),
        ("Share with the outcome", _share(data, "base_rate")),
        ("Contacts ever seen active", _count(data, "active_contacts")),
        ("Sends", _count(data, "sends")),
        ("A send succeeds by", data.get("engagement")),
        ("Activities", _count(data, "acts")),
        ("Features it may look at", _count(data, "features")),
        ("Segments", _count(data, "segments")),
        ("Time zone of the account", data.get("account_zone")),
        ("Asked about", _span(data, "first_cutoff", "last_cutoff") or data.get("cutoff")),
        ("Judged on", _judged(data)),
        ("Share with the outcome among the judged", _share(data, "judged_base_rate")),
        ("Horizon", None if row.horizon_days is None else _days(row.horizon_days)),
    ]
    until = row.report.get("trained_until")
    if until is not None:
        lines.append(("Data up to", instant_of(until).date().isoformat()))
    return [CardFact(label=label, value=value) for label, value in lines if value]


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


def _count(data: Figures, name: str) -> str | None:
    return f"{data[name]:,}" if name in data else None


def _share(data: Figures, name: str) -> str | None:
    return percentage(data[name]) if name in data else None


def _span(data: Figures, first: str, last: str) -> str | None:
    return f"{data[first]} to {data[last]}" if first in data else None


def _judged(data: Figures) -> str | None:
    counted = {
        "judged_frames": "cases",
        "judged_sends": "sends",
        "judged_acts": "activities",
        "judged_contacts": "contacts",
    }
    number = next((f"{data[name]:,} {unit}" for name, unit in counted.items() if name in data), None)
    when = _span(data, "judged_from", "judged_to") or (
        f"{_days(data['judged_days'])} after {data['judged_at']}" if "judged_at" in data else None
    )
    return ", ".join(part for part in (number, when) if part) or None


def _left_out(row: VersionRow, people: Figures) -> list[LeftOutContacts]:
    quiet = row.capability in ("segmentation", "sendtime")
    reasons = {**_PEOPLE, **({"not_in_question": _NOT_SEGMENTED} if quiet else {})}
    return [
        LeftOutContacts(reason=reason, contacts=people[name]) for name, reason in reasons.items() if people.get(name)
    ]


def _left_out_columns(report: Figures) -> list[LeftOutColumn]:
    until = "Left out until somebody says that it is known before the outcome"
    split = [str(leak).partition(":") for leak in report.get("leaks", ())]
    leaks = [(name, f"{found.strip() or 'it gives the outcome away'}. {until}") for name, _, found in split]
    others = [(one["name"], one["reason"]) for one in report.get("left_out", ())]
    return [LeftOutColumn(name=name, words=column_in_words(name), reason=reason) for name, reason in [*leaks, *others]]


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
