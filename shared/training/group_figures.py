"""How a model does on groups of contacts: by attributes with few values, whether or not the model looks at them."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shared.evaluation.metrics import Interval, Ranking, of_figures
from shared.features.names_in_words import attribute_name
from shared.features.phrases import given_number
from shared.learners.simple import Vector, chance
from shared.timeline import Pasts
from shared.timeline.pasts import AttributeColumn, entry_at
from shared.values.personal import leads_to_person, look_of, personal

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
