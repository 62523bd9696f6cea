"""Which features distinguish groups: few, declared, and each one a thing that a marketer talks about.

What counts fully is how lately, how often and for how much; how a contact behaves beside that (hours, answers to
mailings, kinds of things, chosen attributes) counts a third as much: docs/adr/0009 has the measurements.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shared.features import ColumnRead, Feature, FeatureSet, LeftOut, learn
from shared.timeline import Pasts
from shared.timeline.pasts import types_with_lines
from shared.values.words import SENT

RECENCY, FREQUENCY, MONEY, EVIDENCE = "recency", "frequency", "money", "evidence"
LEADING = frozenset({RECENCY, FREQUENCY, MONEY})
"""Things that count fully."""
MANNER_WEIGHT = 0.3
"""How much every other thing counts."""
MOST_TYPES = 5
"""Event types beside the leading one."""
LEAST_SHARE = 0.02
"""Share of the contacts below which a type of event is no feature."""
PURCHASES = ("order_placed", "deal_won", "subscription_renewed", "subscription_started")
ANSWERS = (("email_opened", "email_delivered"), ("email_clicked", "email_delivered"), ("email_clicked", "email_sent"))


@dataclass(frozen=True, slots=True)
class Declared:
    """The columns of a training, and the attributes that it does without."""

    feature_set: FeatureSet
    leading: str | None
    """The event type that recency, frequency and money are about; None: every event."""
    left_out: tuple[LeftOut, ...] = ()
    columns: tuple[ColumnRead, ...] = ()
    """What each attribute that counts was read as."""


def weights(feature_set: FeatureSet) -> list[float]:
    """Return how much each column counts in a distance; evidence only says how far a share can be trusted."""
    return [
        0.0 if feature.thing == EVIDENCE else 1.0 if feature.thing in LEADING else MANNER_WEIGHT
        for feature in feature_set.features
    ]


def evidence(feature_set: FeatureSet) -> int:
    """Find the column with the number of events behind a share; -1: there is none."""
    return next((at for at, feature in enumerate(feature_set.features) if feature.thing == EVIDENCE), -1)


def segmentation_features(
    pasts: Pasts, contact: NDArray[np.int32], cutoff: NDArray[np.int64], *, attributes: Collection[str] = ()
) -> Declared:
    """Declare what groups are found by.

    Args:
        pasts: the contacts that are trained on.
        contact: row of each frame, shape (n,).
        cutoff: microseconds, shape (n,).
        attributes: names of attributes that are to count too; none unless named.

    Returns:
        Columns led by recency, frequency and, where events carry values, money of the leading event type.
    """
    spread = _spread(pasts)
    leading = leading_type(pasts, spread)
    features = [*_leading_features(pasts, leading), *_manner_features(pasts, leading, spread)]
    if leading is None and SENT & {*spread}:
        features = [replace(feature, counts_mailings=feature.type is None) for feature in features]
    if not attributes:
        return Declared(FeatureSet(tuple(features), whole_orders=types_with_lines(pasts)), leading)
    others = [name for name in pasts.attributes if name not in attributes]
    learned = learn(pasts, contact, cutoff, excluded=others, allowed=attributes)
    chosen = [feature for feature in learned.feature_set.features if feature.attribute is not None]
    feature_set = replace(learned.feature_set, features=(*features, *chosen))
    return Declared(feature_set, leading, learned.left_out, learned.columns)


def leading_type(pasts: Pasts, spread: dict[str, int] | None = None) -> str | None:
    """Choose the event type that recency, frequency and money are about; None: every event.

    A purchase when a fiftieth of the contacts made one, else the most widespread thing that contacts do themselves.

    Args:
        pasts: the contacts.
        spread: contacts by type, where it is known already.
    """
    spread = _spread(pasts) if spread is None else spread
    enough = LEAST_SHARE * len(pasts)
    bought = next((name for name in PURCHASES if spread.get(name, 0) >= max(enough, 1)), None)
    done = [name for name in spread if name not in SENT]
    return bought or (max(done, key=lambda name: (spread[name], name)) if done else None)


def _spread(pasts: Pasts) -> dict[str, int]:
    """Count the contacts of each event type."""
    owner = np.repeat(np.arange(len(pasts)), np.diff(pasts.offsets))
    pairs = np.unique(pasts.type.astype(np.int64) * len(pasts) + owner)
    counts = np.bincount(pairs // max(len(pasts), 1), minlength=len(pasts.types))
    return dict(zip(pasts.types, counts.tolist(), strict=True))


def _is_valued(pasts: Pasts, name: str | None) -> bool:
    mine = slice(None) if name is None else pasts.type == pasts.type_code(name)
    return bool(np.any(~np.isnan(pasts.value[mine])))


def _leading_features(pasts: Pasts, name: str | None) -> Iterator[Feature]:
    prefix = name or "any_event"
    yield Feature(f"{prefix}_days_since_last", "days_since_last", "days", RECENCY, name)
    for days in (90, 365):
        yield Feature(f"{prefix}_{days}d", "count", "events", FREQUENCY, name, window_days=days)
    if _is_valued(pasts, name):
        for days in (90, 365):
            yield Feature(f"{prefix}_value_{days}d", "value_sum", "amount", MONEY, name, window_days=days)
        yield Feature(f"{prefix}_value_mean", "value_mean", "amount", "size", name, window_days=730)


def _manner_features(pasts: Pasts, leading: str | None, spread: dict[str, int]) -> Iterator[Feature]:
    prefix = leading or "any_event"
    yield Feature(f"{prefix}_730d", "count", "events", EVIDENCE, leading, window_days=730)
    yield Feature("weekend_share", "weekend_share", "ratio", "weekend", leading)
    for part in ("morning", "evening"):
        yield Feature(f"{part}_share", "hour_share", "ratio", "time_of_day", leading, part)
    if leading is not None and _has_items(pasts, leading):
        yield Feature(f"{leading}_items", "distinct", "items", "variety", leading, "item")
    enough = LEAST_SHARE * len(pasts)
    others = [name for name in spread if name != leading and name not in SENT and spread[name] >= enough]
    for name in sorted(others, key=lambda name: (-spread[name], name))[:MOST_TYPES]:
        yield Feature(f"{name}_365d", "count", "events", f"activity:{name}", name, window_days=365)
    yield from _answer_rates(pasts, [name for name in spread if spread[name] >= enough])


def _has_items(pasts: Pasts, name: str) -> bool:
    items = pasts.item[pasts.type == pasts.type_code(name)]
    return len(np.unique(items[items >= 0])) > 1


def _answer_rates(pasts: Pasts, frequent: Sequence[str]) -> Iterator[Feature]:
    taken: set[str] = set()
    for answer, sent in ANSWERS:
        if answer in frequent and sent in frequent and answer not in taken:
            taken.add(answer)
            counts = [int(np.count_nonzero(pasts.type == pasts.type_code(name))) for name in (answer, sent)]
            prior = min(1.0, counts[0] / max(counts[1], 1))
            yield Feature(f"{answer}_per_{sent}", "rate", "ratio", f"rate:{answer}", answer, sent, prior=prior)
