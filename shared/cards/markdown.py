"""A card as Markdown, for places that show text: MLflow's descriptions and the terminal."""

import re

from shared.cards.sentences import per_hundred, percentage
from shared.contracts.model_card import GroupFigures, ModelCard

_SPECIAL = re.compile(r"([\\<>|*_\[\]#])")


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
