"""A card in text: shares in words, what to know first, how to read it, limits and misuse; and all of it as Markdown."""

import re
from collections.abc import Mapping, Sequence
from math import ceil, log10
from typing import Any, Final

from shared.contracts.defaults import CHAMPION_MOST_DAYS
from shared.contracts.model_card import CardFigure, GroupFigures, ModelCard, ScoreRange
from shared.contracts.rows import DAY, Microseconds, instant_of
from shared.store import VersionRow

FEW_POSITIVES = 200
DAY_NAMES: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
HOURS = 24
_NEVER: Final = (
    "Decisions about credit, employment, housing, insurance, health, education or the law.",
    "Contacts who refused profiling, and children.",
    "Prices or terms that differ from person to person.",
)
_NOT: Final = {
    "scoring": "A score is no judgement of a person and no cause: it says what happened to similar contacts, not what "
    "contacting this one would change.",
    "churn": "A risk is no cause: it says what happened to similar contacts, not whether an offer would keep this one. "
    "A contact at high risk may be lost already, and one at low risk may need nothing.",
    "segmentation": "A segment says how contacts behave, not why, and not what contacting them would change. "
    "It is no label to show to the contact.",
    "sendtime": "A good hour makes a message more likely to be answered; it does not make it welcome, and is no "
    "reason to send more.",
    "value": "A value is no judgement of a person and no cause: it says what similar contacts brought, not what "
    "contacting this one would add. It is the mean of many such contacts, not a promise about one.",
    "messages": "It learns what is clicked or bought after a message, not what is good for the contact; it is no "
    "reason to send more, and nothing for messages that everybody must get.",
    "recommendations": "An item that is listed is likely to be bought, and may be bought without being shown: what "
    "showing it changes is not measured here.",
    "uplift": "An effect holds for the treatment, the channel and the time of the experiment; another offer is another "
    "question. What contacts are like is no cause of the effect: reasons say who reacts, not why.",
}


def in_short(
    row: VersionRow, figures: Sequence[CardFigure], ranges: Sequence[ScoreRange], *, champion: bool | None
) -> list[str]:
    """Say what to know first: whether it may be used, whether it answers (None: not said), and how good it is."""
    usable = row.report.get("usable", True)
    if not usable:
        return ["It found no usable signal, so that it must not be used: what it says is no better than the average."]
    state = {
        True: ["It answers requests now."],
        False: ["It does not answer requests: another version does, or none."],
        None: [],
    }[champion]
    named = {figure.name: figure for figure in figures}
    wanted = (
        *("auc", "lift_at_10_percent", "skill_over_plain_rule", "agreement", "spend_explained"),
        *("mean_absolute_error", "total_bias", "recall_at_10", "lift_over_most_popular"),
        *("gain_over_equal_chances", "gain_over_best_message"),
        *("average_effect", "policy_gain"),
    )
    sentences = [named[name].meaning for name in wanted if name in named]
    if ranges and ranges[0].from_score > ranges[-1].from_score:
        top, low = ranges[0], ranges[-1]
        sentences.append(
            f"Of 100 contacts with a score of {top.from_score} or more, it came true for {per_hundred(top.happened)}; "
            f"of 100 with {low.to_score} or less, for {per_hundred(low.happened)}."
        )
    week = row.report.get("evidence", {}).get("week")
    if week is not None:
        sentences.append(week_finding(week["unit"], week["values"]))
    return [*state, *sentences]


def per_hundred(share: float) -> str:
    """Write how many of a hundred a share is, and none only where there is none.

    >>> per_hundred(0.231), per_hundred(0.013), per_hundred(0.0004), per_hundred(0.0)
    ('23', '1.3', 'fewer than 0.1', 'none')
    >>> per_hundred(0.996), per_hundred(0.9996), per_hundred(1.0)
    ('99.6', 'more than 99.9', '100')
    """
    number = 100 * share
    if number == 0:
        return "none"
    if number < 0.1:
        return "fewer than 0.1"
    if 99.9 < number < 100:
        return "more than 99.9"
    return f"{number:.0f}" if 9.95 <= number < 99.5 or number == 100 else f"{number:.1f}"


def tenths(share: float) -> str:
    """Write how many of a hundred with a decimal; with more where 0 or 100 would stand and is not meant.

    >>> tenths(0.231), tenths(0.0004), tenths(0.99963), tenths(0.0), tenths(-0.01)
    ('23.1', '0.04', '99.96', '0', '-1.0')
    """
    number = 100 * share
    away = min(abs(number), abs(100 - number))
    if away < 1e-9:
        return f"{abs(number):.0f}"
    return f"{number:.{max(1, ceil(-log10(away)))}f}"


def whole(share: float) -> str:
    """Write how many of a hundred without a decimal, unless 0 or 100 would stand and is not meant.

    >>> whole(0.231), whole(0.998), whole(1.0)
    ('23', '99.8', '100')
    """
    number = f"{100 * share:.0f}"
    return tenths(share) if number in ("0", "-0", "100") else number


def percentage(share: float) -> str:
    """Write a share in percent.

    >>> percentage(0.005), percentage(0.9996), percentage(1.0)
    ('0.5 %', '99.96 %', '100 %')
    """
    return f"{tenths(share)} %"


def how_to_read(row: VersionRow, ranges: Sequence[ScoreRange]) -> list[str]:
    """Say how an answer of this capability is read."""
    if row.capability == "segmentation":
        return [
            "Each contact belongs to one segment; `membership` says how clearly. Near one half it lies between two.",
            "A segment keeps its id when it is found again later; contacts move between segments as they change.",
        ]
    if row.capability == "sendtime":
        return [
            "The answer names hours of the contact's own local week, the best first.",
            "`basis` says whose habits it rests on: the contact's own, those of contacts alike, or everybody's.",
        ]
    if row.capability == "value":
        return [
            "`expected_value` is the mean of what such contacts bring; eight of ten lie in `interval`. Few bring much "
            "and many nothing, so that most contacts lie below their mean.",
            "`next_order.median_on` is the day by which half of such contacts have ordered, seen from the day of the "
            "question; `score` is a rank from 1 to 99.",
        ]
    if row.capability == "messages":
        return [
            "`message` was drawn with the chance `propensity`: mostly what promises most, and sometimes another one, "
            "so that more is learned.",
            "`expected_reward` is the mean over many such contacts, and `interval` says how sure that mean is; what "
            "one contact does is another matter.",
        ]
    if row.capability == "recommendations":
        within = "" if row.horizon_days is None else f" within {row.horizon_days} days"
        return [
            f"The answer lists items, the best first; `score` is the learned chance that the contact buys it{within}.",
            "`source` says why: bought before (`repeat`), new to the contact (`model`), or, of whom nothing is known, "
            "what many buy (`popular`) and more than before (`trending`).",
        ]
    if row.capability == "uplift":
        return [
            "`effect` is what the arm adds against control, and lies in `interval` with 95 %. `claim` says what is "
            "proven: something about this contact (`personal`), the average alone (`average`), or nothing (`none`).",
            "`group`: a persuadable gains, a do-not-disturb loses; a sure thing and a lost cause are hardly changed. "
            "`best_arm` is what to give; null where no arm is surely better than control.",
        ]
    if not ranges and row.capability not in ("scoring", "churn"):
        return []
    within = "" if row.horizon_days is None else f" within {row.horizon_days} days of the question"
    lines = [
        f"`probability` is the chance that the answer to the question is yes: of 100 contacts with 20 %, it comes true "
        f"for about 20{within}, and not for 80. Below, these are said to reach the outcome.",
        "`score` is a rank from 1 to 99: with 90 a contact stands higher than 90 of 100 comparable ones. It is no "
        "chance: where few reach the outcome, even 99 may mean a small one.",
    ]
    if ranges:
        lines.append("The table says what became of contacts with such scores whom the model had not learned from.")
    return lines


def limits(row: VersionRow, *, now: Microseconds) -> list[str]:
    """Say what to beware of: little or old data, drift, and what the report itself noted."""
    report = row.report
    data: Mapping[str, Any] = report.get("data", {})
    lines = []
    until, age = report.get("trained_until"), (now - row.trained_at) // DAY
    if until is not None:
        when = instant_of(until).date().isoformat()
        lines.append(
            f"It learned nothing of what happened after {when}: a new season, offer or market is unknown to it."
        )
    if age > CHAMPION_MOST_DAYS:
        lines.append(f"It is old: trained {age} days ago, and {CHAMPION_MOST_DAYS} are the most. Train it again.")
    few = data.get("positive_contacts", data.get("engaged_contacts"))
    if few is not None and few < FEW_POSITIVES:
        lines.append(
            f"Little data: only {few} contacts reached the outcome, so that every figure is uncertain. With fewer than "
            f"{FEW_POSITIVES} the grade is C at most."
        )
    if row.input_drift is not None and row.input_drift.has_drifted:
        lines.append(
            f"Drift: {row.input_drift.share:.0%} of its latest answers rest on inputs outside all that it was shown. "
            "Train it again."
        )
    if row.grade == "D":
        lines.append("It is not proven to be better than the best plain rule.")
    unconfirmed = "It looks at this, though nobody has said that it is known before the outcome."
    lines += [f"{unconfirmed} {one}." for one in report.get("questioned", ())]
    known = {f"Only {few} contacts reached the outcome", f"Only {few} contacts engaged"}
    lines += [note for note in report.get("notes", ()) if not note.startswith(tuple(known))]
    if "evidence" not in report:
        lines.append("It was trained by an earlier release: groups and scores were not measured. Train it again.")
    return lines


def misuse(capability: str) -> list[str]:
    """Say what a model must not be used for."""
    return [*_NEVER, _NOT.get(capability, "An answer is no cause: it says what happened to similar contacts.")]


def week_finding(unit: str, values: Sequence[float | None]) -> str:
    """Say when the week of an average contact is best."""
    known = [(value, slot) for slot, value in enumerate(values) if value is not None]
    if not known:
        return "No hour was ever tried."
    value, slot = max(known, key=lambda pair: (pair[0], -pair[1]))
    when = f"{DAY_NAMES[slot // HOURS]} {slot % HOURS:02d}:00"
    if unit == "activity":
        even = 1 / len(values)
        return f"An average contact is most active on {when}: {value / even:.1f} times as much as in an average hour."
    return f"An average send is answered best on {when}: {percentage(value)} within a day."


_SPECIAL = re.compile(r"([\\<>|*_\[\]#])")
"""What Markdown reads as a mark."""


def as_markdown(card: ModelCard) -> str:
    """Write a card as Markdown; what comes from the data is escaped.

    What must be known comes first and the long tables last: MLflow cuts a long description.
    """
    blocks = [
        [f"# {_plain(card.name)}, version {_plain(card.version)}", "", f"**{_plain(card.question)}**"],
        [f"**Grade {card.grade}**: {card.grade_in_words}. Kind: {card.kind}{_served(card)}."],
        _listed("In short", card.in_short),
        _listed("How to read an answer", card.how_to_read),
        _ranges(card),
        _figures(card),
        _listed("What it looks at most", [f"{_plain(one.words)}: {percentage(one.share)}" for one in card.features]),
        _listed("Segments", [f"**{one.id} {_plain(one.name)}**: {_plain(one.description)}" for one in card.segments]),
        [] if card.week is None else ["## The week", "", card.week.finding],
        _listed("Limits", [_plain(one) for one in card.limits]),
        _listed("Not for", card.misuse),
        _listed("Learned from", [f"{one.label}: {_plain(one.value)}" for one in card.learned_from]),
        _listed("Who was left out", [f"{one.contacts:,}: {one.reason}" for one in card.left_out_contacts]),
        _listed("Not looked at", _left_out_columns(card)),
        _groups(card),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _served(card: ModelCard) -> str:
    served = next((one.label for one in card.candidates if one.served), None)
    return "" if served is None else f", {_plain(served)}"


def _listed(title: str, lines: list[str]) -> list[str]:
    return [f"## {title}", "", *(f"- {line}" for line in lines)] if lines else []


def _left_out_columns(card: ModelCard) -> list[str]:
    """Name each reason once, with all that it holds for."""
    columns: dict[str, list[str]] = {}
    for one in card.left_out_columns:
        columns.setdefault(one.reason, []).append(_plain(one.words))
    return [f"{'; '.join(words)}: {_plain(reason)}" for reason, words in columns.items()]


def _ranges(card: ModelCard) -> list[str]:
    if not card.score_ranges:
        return []
    rows = [
        f"| {one.from_score} to {one.to_score} | {percentage(one.share)} | {per_hundred(one.happened)} of 100 |"
        for one in card.score_ranges
    ]
    return ["| score | contacts | it came true for |", "|---|---|---|", *rows]


def _figures(card: ModelCard) -> list[str]:
    rows = [
        f"| {one.words} | {one.text}{f' ({one.interval})' if one.interval else ''} | {one.beside or ''} |"
        for one in card.figures
    ]
    head = ["## How good it is", "", "| what | value (95 % interval) | beside |", "|---|---|---|"]
    return [*head, *rows] if rows else []


def _groups(card: ModelCard) -> list[str]:
    lines = []
    for table in card.groups:
        lines += [
            f"### {_plain(table.words)}",
            "",
            f"{_plain(table.finding)}",
            "",
            "| group | contacts | predicted | happened | ratio |",
            "|---|---|---|---|---|",
            *[_group(one) for one in table.groups],
            "",
        ]
    return ["## Does it treat groups alike", "", *lines[:-1]] if lines else []


def _group(one: GroupFigures) -> str:
    ratio = "" if one.calibration_ratio is None else f"{one.calibration_ratio:.2f}"
    chances = f"{percentage(one.mean_prediction)} | {percentage(one.base_rate)}"
    return f"| {_plain(one.name)} | {one.contacts:,} | {chances} | {ratio} |"


def _plain(text: str) -> str:
    """Escape what Markdown would read as a mark."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
