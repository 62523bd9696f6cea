"""The Open Bandit sample, campaign men: what equal chances earn, estimated from a log of another policy.

What is estimated is the share of impressions that are clicked, one item at one of three positions each, where items are
drawn by equal chances and positions come as often as in the log. The log's chance is that of the item at its position.
People are not named, so that each impression counts as a contact.
"""

import csv
import gzip
from pathlib import Path
from typing import NamedTuple

import numpy as np

from shared.evaluation.metrics import Interval
from shared.evaluation.off_policy import LoggedDecisions, PolicyValue, Target, policy_value
from shared.lift.intervals import Rate, wilson

ITEMS = 34
REFERENCE = 0.0032
"""What the reference got from this log by the self-normalised estimate, to four decimals."""


class OpenBandit(NamedTuple):
    """Both logs, and what one says of the other."""

    seen: Rate
    """Where items were drawn by equal chances."""
    estimates: dict[str, PolicyValue]
    """Of equal chances, from the log of the other policy, by method."""
    by_position: Interval | None
    """Self-normalised within each position, each as often as in the log of equal chances."""
    positions: dict[str, list[int]]
    """How often each position is in each log."""

    @property
    def met(self) -> bool:
        """Whether the estimate is the reference's, and its interval covers what was seen."""
        found = self.estimates["snips"].value
        return found is not None and round(found.value, 4) == REFERENCE and found.low <= self.seen.value <= found.high


def open_bandit(folder: Path) -> OpenBandit:
    """Read both logs and estimate."""
    with gzip.open(folder / "open_bandit_men.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    by_policy = {name: [row for row in rows if row["policy"] == name] for name in ("random", "bts")}
    positions = {
        name: np.bincount([int(row["position"]) for row in mine], minlength=4)[1:] for name, mine in by_policy.items()
    }
    other = by_policy["bts"]
    logged = LoggedDecisions(
        np.arange(len(other)),
        np.array([float(row["click"]) for row in other]),
        np.array([float(row["propensity_score"]) for row in other]),
    )
    equal = Target(np.full(len(other), 1 / ITEMS), np.zeros(len(other)))
    # One weight a position instead of one for all: chances are comparable only among impressions of one position.
    position = np.array([int(row["position"]) for row in other])
    weight = equal.chance / logged.propensity
    sums = np.bincount(position, weight, 4)
    share = positions["random"] / positions["random"].sum()
    of_position = weight * share[position - 1] * weight.sum() / sums[position]
    adjusted = policy_value(logged, Target(of_position * logged.propensity, equal.unsupported))
    clicks = [row["click"] == "1" for row in by_policy["random"]]
    return OpenBandit(
        wilson(sum(clicks), len(clicks)),
        {"ips": policy_value(logged, equal, "ips"), "snips": policy_value(logged, equal)},
        adjusted.value,
        {name: counts.tolist() for name, counts in positions.items()},
    )
