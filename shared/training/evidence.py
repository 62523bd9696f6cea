"""What a version keeps beside its report for its card and for the choice of a cut-off: aggregates of held-out frames.

Nothing of a single contact is in it: counts and means by score, and figures of groups of 20 contacts or more.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shared.contracts.outcome import Outcome
from shared.contracts.rows import Microseconds, denies_profiling
from shared.evaluation.calibration import percentiles, placed
from shared.evaluation.metrics import Interval, Ranking, of_figures
from shared.features.learn import column_in_words
from shared.features.phrases import given_number
from shared.learners.simple import Vector, chance
from shared.store import AccountStore
from shared.timeline import Pasts
from shared.timeline.pasts import AttributeColumn, entry_at, known_since
from shared.values.personal import leads_to_person, look_of, personal
from shared.values.words import attribute_name, event_name

Figures = dict[str, Any]
FORMAT: Final = 1
"""Of the evidence; a reader of a later one still reads this."""
SCORES: Final = 99
TOP_FIFTH: Final = 80
"""The lowest score of the fifth with the highest scores: the cut at which groups are compared."""


@dataclass(frozen=True, slots=True)
class JudgedFrames:
    """The frames that every figure comes from, as the candidate that would have served answered them."""

    labels: Vector
    """1.0 where the outcome came, shape (n,)."""
    margin: Vector
    """Calibrated log-odds, shape (n,)."""
    owner: NDArray[np.int32]
    """Row of the contact in the pasts, shape (n,)."""
    cutoff: NDArray[np.int64]
    """Microseconds, shape (n,)."""

    @property
    def scores(self) -> NDArray[np.intp]:
        """Return the percentile of each frame among all of them, 1 to 99, shape (n,)."""
        return placed(percentiles(self.margin), self.margin)


def outcome_evidence(
    pasts: Pasts,
    held_out: JudgedFrames,
    *,
    question: str,
    importance: Sequence[tuple[str, float]],
    people: Mapping[str, int],
    excluded: str | None = None,
) -> Figures:
    """Summarise what a card and a choice of a cut-off need.

    Args:
        pasts: of the account.
        held_out: the frames that figures come from.
        question: what the model answers, in words.
        importance: of the report.
        people: how many contacts were asked about, and how many not, by reason.
        excluded: the attribute that is the outcome itself.
    """
    return {
        **plain_evidence(question, importance, people),
        "scores": score_counts(held_out.labels, chance(held_out.margin), held_out.scores, held_out.owner),
        "groups": group_evidence(pasts, held_out, excluded=excluded),
    }


def group_evidence(pasts: Pasts, held_out: JudgedFrames, *, excluded: str | None = None) -> Figures:
    """Judge groups of contacts by their attributes.

    Args:
        pasts: of the account.
        held_out: the frames that figures come from.
        excluded: the attribute that is the outcome itself.
    """
    groups = attribute_groups(pasts, held_out.owner, held_out.cutoff, excluded=excluded)
    top = held_out.scores >= TOP_FIFTH
    figures = figures_of_groups(groups, held_out.labels, held_out.margin, top, held_out.owner)
    return {"from_score": TOP_FIFTH, "attributes": figures}


def plain_evidence(question: str, importance: Sequence[tuple[str, float]], people: Mapping[str, int]) -> Figures:
    """Summarise what every capability can say."""
    return {
        "format": FORMAT,
        "question": question,
        "people": dict(people),
        "features": [{"name": name, "words": column_in_words(name), "share": share} for name, share in importance],
    }


def score_counts(
    labels: Vector, probability: Vector, scores: NDArray[np.intp], owner: NDArray[np.integer[Any]]
) -> Figures:
    """Count frames and positives by score, and what is needed to say how sure each cut-off is.

    Args:
        labels: 0.0 or 1.0, shape (n,).
        probability: calibrated, shape (n,).
        scores: 1 to 99, shape (n,).
        owner: contact of each row, shape (n,).

    Returns:
        By score 1 to 99: frames, positives, mean chance. And by cut-off ("this score or more") the sums over contacts
        of positives squared, positives times frames, and frames squared: a contact's frames resemble each other.
    """
    _, group = np.unique(owner, return_inverse=True)
    width = SCORES + 1
    frames = np.bincount(scores, minlength=width)[1:]
    positives = np.bincount(scores, weights=labels, minlength=width)[1:]
    total = np.bincount(scores, weights=probability, minlength=width)[1:]
    squares: dict[str, list[int]] = {"positives": [], "both": [], "frames": []}
    contacts: list[int] = []
    for cut in range(1, width):
        kept = scores >= cut
        n = np.bincount(group[kept], minlength=int(group.max()) + 1).astype(np.float64)
        hits = np.bincount(group[kept], weights=labels[kept], minlength=len(n))
        squares["positives"].append(int(hits @ hits))
        squares["both"].append(int(hits @ n))
        squares["frames"].append(int(n @ n))
        contacts.append(int(np.count_nonzero(n)))
    return {
        "frames": frames.tolist(),
        "positives": positives.astype(int).tolist(),
        "chance": [round(float(t / n), 6) if n else None for t, n in zip(total, frames, strict=True)],
        "contacts_from": contacts,
        "squares_from": squares,
    }


def people_counts(store: AccountStore, pasts: Pasts, owner: NDArray[np.int32], last: Microseconds) -> dict[str, int]:
    """Count who was learned from and who was not, by reason.

    Args:
        store: of the account, for those who refused.
        pasts: everybody who may be learned from.
        owner: contacts of all frames.
        last: the last cutoff asked about.
    """
    in_question = np.zeros(len(pasts), dtype=bool)
    in_question[owner] = True
    too_new = ~in_question & (known_since(pasts) >= last)
    refused = sum(group.contacts for group in store.pasts.groups() if denies_profiling(group.consent))
    return {
        "learned_from": int(in_question.sum()),
        "refused_profiling": refused,
        "too_new": int(too_new.sum()),
        "not_in_question": int((~in_question & ~too_new).sum()),
    }


def scoring_question(outcome: Outcome, event_type: str | None, horizon_days: int | None) -> str:
    """Say what a score answers.

    >>> won = Outcome(name="customer", capability="scoring", event_types=("order_placed",), horizon_days=30)
    >>> scoring_question(won, "order_placed", 30)
    'How likely is an order from this contact within the next 30 days?'
    """
    if event_type is None:
        return f"How likely is it that this contact has {_flag(outcome)}?"
    return (
        f"How likely is {with_article(event_name(event_type))} from this contact within the next {horizon_days} days?"
    )


def churn_question(outcome: Outcome, waited_for: Sequence[str], horizon_days: int | None, *, contractual: bool) -> str:
    """Say what a churn risk answers."""
    if not waited_for:
        return f"How likely is this contact to leave ({_flag(outcome)})?"
    names = [event_name(name) for name in waited_for]
    if contractual:
        return f"How likely is {with_article(' or '.join(names))} by this contact within the next {horizon_days} days?"
    return f"How likely is it that no {' or '.join(names)} comes from this contact in the next {horizon_days} days?"


def _flag(outcome: Outcome) -> str:
    return f"{attribute_name(outcome.attribute or outcome.name)}: {outcome.positive or 'yes'}"


def with_article(words: str) -> str:
    """Write an indefinite article before a noun.

    >>> with_article("order"), with_article("won deal"), with_article('"demo watched"')
    ('an order', 'a won deal', 'a "demo watched"')
    """
    return f"{'an' if words.lstrip(chr(34))[:1].lower() in 'aeiou' else 'a'} {words}"


MOST_ATTRIBUTES: Final = 6
MOST_GROUPS: Final = 7
"""Listed of one attribute; the rest are one group more."""
LEAST_LISTED: Final = 20
"""Contacts of a group that is shown on its own: nobody is found in it."""
LEAST_COMPARED: Final = 20
"""Contacts with the outcome, and without it, of a group that counts for the gap: fewer are chance."""
LEAST_FILLED = 0.3
"""Share of the frames that must have a value."""
LEAST_COVERED = 0.6
"""Share of the filled frames that the listed groups must hold: what nearly everybody has alone is no group."""
MOST_VALUES = 1_000
GROUPS_OF_PEOPLE: Final = frozenset({"gender", "belief", "postal_code", "position"})
"""What is personal and still no name of anybody: of other personal attributes no value is shown."""
FEW_NUMBERS = 8
"""Different numbers up to which each is a group; of more, quarters are."""
OTHERS, MISSING = "all others", "not filled in"
DRAWS = 200
_OFTEN_UNFAIR = re.compile(
    r"gender|sex|\bage|alter|birth|marit|famil|kids|child|ethni|race|relig|nation|country|region|state|language|"
    r"locale|income|salary|home|geschlecht|land|sprache|disab",
    re.IGNORECASE,
)
"""Attributes by which unequal treatment is a question of its own: shown first."""


@dataclass(frozen=True, slots=True)
class Groups:
    """One attribute and the group of each frame."""

    attribute: str
    names: Sequence[str]
    group: NDArray[np.intp]
    """Index into `names`, shape (n,)."""


def attribute_groups(
    pasts: Pasts, contact: NDArray[np.int32], cutoff: NDArray[np.int64], *, excluded: str | None = None
) -> list[Groups]:
    """Choose the attributes to compare groups by, and group the frames.

    Args:
        pasts: of the account.
        contact: row of each frame, shape (n,).
        cutoff: microseconds, shape (n,); the value valid then counts.
        excluded: an attribute that is not compared by: the outcome itself.

    Returns:
        None that names or finds people; at most six, those by which unequal treatment is a question first, then by
        name.
    """
    ranked = sorted((name for name in pasts.attributes if name != excluded), key=_by_concern)
    found: list[Groups] = []
    for name in ranked:
        if len(found) == MOST_ATTRIBUTES:
            break
        made = _groups(name, pasts.attributes[name], contact, cutoff)
        if made is not None:
            found.append(made)
    return found


def _by_concern(name: str) -> tuple[bool, str]:
    return not _OFTEN_UNFAIR.search(name.replace("_", " ")), name


def _groups(name: str, stored: AttributeColumn, contact: NDArray[np.int32], cutoff: NDArray[np.int64]) -> Groups | None:
    entry = entry_at(stored, contact, cutoff)
    filled = entry >= 0
    if np.count_nonzero(filled) < LEAST_FILLED * len(contact):
        return None
    rows = np.unique(entry[filled])
    values = [stored.value[row] for row in rows]
    texts = None if _names_people(name, values) else _texts(name, values)
    if texts is None:
        return None
    of_entry = dict(zip(rows.tolist(), texts, strict=True))
    labels = np.array([of_entry.get(row) or MISSING for row in entry.tolist()], dtype=object)
    contacts = Counter(label for label, _ in {*zip(labels.tolist(), contact.tolist(), strict=True)})
    valued = [(label, n) for label, n in contacts.items() if n >= LEAST_LISTED and _may_be_named(label)]
    listed = [label for label, _ in sorted(valued, key=lambda pair: (-pair[1], pair[0]))[:MOST_GROUPS]]
    covered = sum(contacts[label] for label in listed)
    if len(listed) < 2 or covered < LEAST_COVERED * (sum(contacts.values()) - contacts[MISSING]):
        return None
    ordered = sorted(listed, key=_by_number)
    names = [*ordered, OTHERS, MISSING]
    place = {label: number for number, label in enumerate(names)}
    group = np.array([place.get(label, len(ordered)) for label in labels.tolist()], dtype=np.intp)
    return Groups(name, names, group)


def _names_people(name: str, values: Sequence[Any]) -> bool:
    """Whether an attribute names or finds people: contacts, or those who look after them."""
    found = personal(name, values)
    return found is not None and found.kind not in GROUPS_OF_PEOPLE


def _may_be_named(label: str) -> bool:
    """Whether a value may stand in a table that others read: a single address or name may not either."""
    return label != MISSING and look_of(label) in (None, "flag") and not leads_to_person(label)


def _by_number(label: str) -> tuple[float, str]:
    """Order groups as a reader expects: by the first number in the name, else by the alphabet.

    >>> sorted(["65+", "19-24", "under 19", "unknown"], key=_by_number)
    ['under 19', '19-24', '65+', 'unknown']
    """
    number = re.search(r"\d[\d,]*(\.\d+)?", label)
    if re.match(r"(up to|under|below|less|<)", label, re.IGNORECASE):
        return -1.0, label
    return float(number[0].replace(",", "")) if number else float("inf"), label


def _texts(name: str, values: Sequence[Any]) -> list[str] | None:
    """Write each value as the name of its group; None: they are no groups."""
    known = [value for value in values if isinstance(value, (str, bool, int, float))]
    numbers = [float(value) for value in known if isinstance(value, (int, float)) and not isinstance(value, bool)]
    if not known:
        return None
    if len(numbers) == len(values) and len(set(numbers)) > FEW_NUMBERS:
        return _quarters(name, np.array(numbers))
    texts = [_text(name, value) for value in values]
    return texts if 2 <= len(set(texts) - {MISSING}) <= MOST_VALUES else None


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return given_number(attribute_name(name), float(value))
    return value.strip()[:60] or MISSING if isinstance(value, str) else MISSING


def _quarters(name: str, numbers: Vector) -> list[str] | None:
    edges = np.unique(np.quantile(numbers, (0.25, 0.5, 0.75)))
    words = [given_number(attribute_name(name), float(edge)) for edge in edges]
    if len(set(words)) < len(words):
        return None
    named = [f"up to {words[0]}", *(f"over {low} to {high}" for low, high in pairwise(words))]
    named.append(f"over {words[-1]}")
    return [named[place] for place in np.searchsorted(edges, numbers, side="left")]


def figures_of_groups(
    groups: Sequence[Groups],
    labels: Vector,
    margin: Vector,
    chosen: NDArray[np.bool_],
    owner: NDArray[np.int32],
) -> list[dict[str, Any]]:
    """Judge each group on its held-out frames.

    Args:
        groups: the attributes.
        labels: 0.0 or 1.0, shape (n,).
        margin: calibrated log-odds, shape (n,).
        chosen: whether a frame is at or above the cut at which groups are compared, shape (n,).
        owner: contact of each row, shape (n,).
    """
    found = []
    for one in groups:
        rows = [np.flatnonzero(one.group == number) for number in range(len(one.names))]
        kept = [(name, mine) for name, mine in zip(one.names, rows, strict=True) if _is_listed(owner[mine])]
        if len(kept) > 1:
            figures = [{"name": name, **_figures(labels, margin, chosen, owner, mine)} for name, mine in kept]
            for figure in figures:
                figure["compared"] &= figure["name"] not in (OTHERS, MISSING)
            words = attribute_name(one.attribute)
            found.append({"name": one.attribute, "words": words, "groups": figures})
    return found


def _is_listed(owner: NDArray[np.int32]) -> bool:
    return len(np.unique(owner)) >= LEAST_LISTED


def _figures(
    labels: Vector, margin: Vector, chosen: NDArray[np.bool_], owner: NDArray[np.int32], rows: NDArray[np.intp]
) -> dict[str, Any]:
    label, top, mine = labels[rows], chosen[rows].astype(np.float64), owner[rows]
    probability, ranking = chance(margin[rows]), Ranking(label, margin[rows])

    def figures(times: Vector) -> Mapping[str, float]:
        positives, predicted = float(times @ label), float(times @ probability)
        return {
            "auc": ranking.auc(times),
            "calibration_ratio": positives / predicted if predicted else float("nan"),
            "found": float(times @ (label * top)) / positives if positives else float("nan"),
        }

    counted = {
        "contacts": len(np.unique(mine)),
        "frames": len(rows),
        "positive_contacts": len(np.unique(mine[label == 1])),
        "positives": int(label.sum()),
        "base_rate": round(float(label.mean()), 6),
        "mean_prediction": round(float(probability.mean()), 6),
    }
    without = len(np.unique(mine[label == 0]))
    intervals: dict[str, Interval] = of_figures(figures, mine, draws=DRAWS)
    compared = min(counted["positive_contacts"], without) >= LEAST_COMPARED
    return {**counted, "compared": compared, **{name: one.to_json() for name, one in intervals.items()}}
