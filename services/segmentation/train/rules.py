"""Small data: four groups set by recency, frequency and money, not found; nobody could tell whether found ones hold."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.segmentation.features import FREQUENCY, MONEY, RECENCY
from services.segmentation.model import Grouping, Transform
from services.segmentation.train.finding import Found
from services.segmentation.train.naming import last_days
from services.segmentation.train.profiles import Profile
from services.segmentation.train.standing import LATELY_DAYS
from services.segmentation.train.wording import people
from shared.features import FeatureSet
from shared.features.names_in_words import event_name

Matrix = NDArray[np.float64]

SCHEME: tuple[tuple[str, float, float], ...] = (
    ("Best {who}", -0.8, 1.0),
    ("Recent {who}, not often", -0.8, -0.6),
    ("Good {who}, fading", 0.8, 0.6),
    ("Lapsed {who}", 1.0, -1.0),
)
"""Name, place in recency (higher is longer ago), and place in frequency and money, in standard deviations."""
STILL_HERE = {"Good {who}, fading": "Good {who}, less recent", "Lapsed {who}": "Less recent {who}, less often"}
"""What a group is called whose typical member was seen within 30 days: a rule compares, it does not know who left."""


def scheme(feature_set: FeatureSet, transform: Transform, places: Matrix) -> Found:
    """Place the four groups; every contact belongs to the nearest.

    Args:
        feature_set: the columns.
        transform: how they become places.
        places: of the contacts, shape (n, q).
    """
    columns = transform.columns_of(feature_set)
    centres = np.zeros((len(SCHEME), transform.width))
    for place, feature in enumerate(columns):
        if feature.thing == RECENCY:
            centres[:, place] = [ago for _, ago, _ in SCHEME]
        elif feature.thing in (FREQUENCY, MONEY):
            centres[:, place] = [much for _, _, much in SCHEME]
    labels = Grouping(centres, 1.0).nearest(places)
    leading = centres.any(axis=0)
    return Found(Grouping.of(places[:, leading], labels, centres[:, leading]).with_centres(centres), labels)


def rule_names(described: Sequence[Profile], leading: str | None) -> list[str]:
    """Name the four groups; one whose members mostly never did what leads is named so.

    Args:
        described: the groups.
        leading: the event type that recency and frequency are about.
    """
    who, never = people(leading), f"No {event_name(leading)} yet"
    return [
        never if np.isnan(last) else (STILL_HERE.get(name, name) if last <= LATELY_DAYS[0] else name).format(who=who)
        for (name, _, _), last in zip(SCHEME, map(last_days, described), strict=True)
    ]
