"""How long a million logged decisions take: from rows to columns and rewards, and the value of two policies."""

import time
from typing import Final, NamedTuple

import numpy as np

from bench.messages.world import MESSAGES
from shared.contracts.decision import DecisionRow
from shared.contracts.rows import DAY
from shared.decisions.columns import columns_of
from shared.decisions.rewards import EventReader, RewardRule, rewards
from shared.evaluation.off_policy import LoggedDecisions, policy_difference, policy_value, target_of
from shared.timeline.past_rows import EventTuple

DECISIONS: Final = 1_000_000
EVENTS: Final = 300_000
CONTACTS: Final = 300_000
PART: Final = 20_000
WANTED_SECONDS: Final = 60.0


class Times(NamedTuple):
    """Seconds of processor time."""

    columns: float
    rewards: float
    values: float

    @property
    def total(self) -> float:
        """All of it."""
        return sum(self)


def times(n: int = DECISIONS) -> Times:
    """Make a log, and evaluate two policies by three methods and their difference."""
    random = np.random.default_rng(1)
    names = tuple(sorted(one.id for one in MESSAGES))
    contact, at, chosen = random.integers(0, CONTACTS, n), random.integers(0, 60 * DAY, n), random.integers(0, 10, n)
    rows = [
        DecisionRow(f"d-{i:09d}", f"c-{c}", "clicked", "", "", names[k], "policy", 0.1, names, "1", t)
        for i, (c, t, k) in enumerate(zip(contact.tolist(), at.tolist(), chosen.tolist(), strict=True))
    ]
    of = random.integers(0, n, EVENTS).tolist()
    events: list[EventTuple] = [
        (rows[i].contact_id, "e", "email_clicked", rows[i].decided_at + DAY, None, f"d-{i:09d}", None, None, 1)
        for i in of
    ]
    clock = [time.process_time()]
    columns = columns_of(rows[start : start + PART] for start in range(0, n, PART))
    clock.append(time.process_time())
    found = EventReader(columns, "email_clicked").events_of([events])
    reward = rewards(columns, found, RewardRule(7 * DAY, sums_value=False), until=90 * DAY)
    clock.append(time.process_time())
    logged = LoggedDecisions(columns.contact, reward, columns.propensity)
    policy = random.dirichlet(np.ones(10), n)
    candidates = columns.choosable()[columns.candidates][:, :-1]
    predicted = np.full((n, 10), 0.2)
    first = target_of(policy, columns.message, candidates, predicted)
    second = target_of(np.full((n, 10), 0.1), columns.message, candidates, predicted)
    for method in ("ips", "snips", "dr"):
        policy_value(logged, first, method)
        policy_value(logged, second, method)
        policy_difference(logged, first, second, method)
    clock.append(time.process_time())
    return Times(*np.diff(clock).tolist())
