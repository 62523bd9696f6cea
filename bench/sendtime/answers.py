"""Office e-mail, protocol B: is a message answered within a day, and what does knowing the time add?"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from services.sendtime.model.history import Sends
from services.sendtime.model.local_week import Vector
from services.sendtime.training.activity import chosen_pooling
from services.sendtime.training.material import closed, material_of
from services.sendtime.training.timing import SHARES, Block, block, candidates_on, chosen_pulling
from shared.contracts.rows import DAY, SECOND
from shared.evaluation.metrics import Interval, Ranking, losses, of_figures, of_mean
from shared.learners.simple import chance
from shared.timeline import ContactFacts, EventTuple, build

REFERENCE_AUC, PUBLISHED_WITHOUT, PUBLISHED_TIME_ALONE = 0.840, 0.827, 0.586
TRAIN_SHARE = 0.7
ZONE = "Europe/Warsaw"


@dataclass(frozen=True)
class Row:
    """One candidate on the test messages."""

    name: str
    auc: Interval
    log_loss: Interval


@dataclass(frozen=True)
class Answers:
    """The whole of protocol B."""

    messages: int
    base_rate: float
    rows: list[Row]
    gain_auc: Interval
    gain_log_loss: Interval

    @property
    def holds(self) -> bool:
        """Whether the reference is reached."""
        return max(row.auc.value for row in self.rows) >= REFERENCE_AUC


def office_answers(folder: Path) -> Answers:
    """Learn from the first 70 % by time, less a day; judge the rest, less the last day."""
    log = pd.read_csv(folder / "office_email_log.csv.gz").sort_values("ts", kind="stable").reset_index(drop=True)
    cut = int(log["ts"].iloc[int(len(log) * TRAIN_SHARE)]) * SECOND
    events = _events(log)
    facts = {name: ContactFacts(timezone=ZONE) for name in sorted({event[0] for event in events})}
    stuff = material_of(build(list(facts), facts, [events]), now=int(log["ts"].max()) * SECOND)
    learning = material_of(build(list(facts), facts, [[one for one in events if one[3] < cut]]), now=cut)
    pooling = chosen_pooling(learning)
    known = learning.sends["click"]
    ends = [int(at) for at in np.quantile(known.at[closed(known, cut)], SHARES)]
    pulling = chosen_pulling(learning, known, ends[0], ends[1], pooling)
    before = [block(learning, known, begin, end, pulling=pulling, pooling=pooling) for begin, end in pairwise(ends)]
    sends = stuff.sends["click"]
    test = block(stuff, sends, cut, stuff.until, pulling=pulling, pooling=pooling, most=len(sends))
    return _judged(test, sends, candidates_on(before, test))


def _events(log: pd.DataFrame) -> list[EventTuple]:
    """Turn messages into sends to the recipient, writing into the writer's activity, answers into replies."""
    sent_at: dict[tuple[int, int], list[int]] = {}
    for src, dst, at in log[["src", "dst", "ts"]].itertuples(index=False):
        sent_at.setdefault((src, dst), []).append(at)
    events: list[EventTuple] = []
    for number, (src, dst, at) in enumerate(log[["src", "dst", "ts"]].itertuples(index=False)):
        whole = (f"m{number}", f"from-{src}", None, 1)
        events.append((f"p{dst}", f"s{number}", "email_sent", at * SECOND, None, *whole))
        events.append((f"p{src}", f"a{number}", "product_used", at * SECOND, None, None, None, None, 1))
        back = sent_at.get((dst, src), [])
        place = int(np.searchsorted(back, at, side="right"))
        if place < len(back) and (back[place] - at) * SECOND < DAY:
            events.append((f"p{dst}", f"r{number}", "email_replied", back[place] * SECOND, None, *whole))
    return events


def _judged(test: Block, sends: Sends, margins: dict[str, Vector]) -> Answers:
    owner = sends.owner[test.rows]
    served = "trees" if _loss(test, margins["trees"]).mean() < _loss(test, margins["hierarchy"]).mean() else "hierarchy"
    without = f"{served}_who"
    rankings = {name: Ranking(test.labels, margin) for name, margin in margins.items()}

    def figures(times: Vector) -> dict[str, float]:
        found = {name: ranking.auc(times) for name, ranking in rankings.items()}
        return {**found, "gain": found[served] - found[without]}

    auc = of_figures(figures, owner, draws=500)
    rows = [
        Row(words, auc[name], of_mean(_loss(test, margins[name]), owner))
        for words, name in (
            ("one week for all", "slots"),
            ("the recipient's level, whenever", "level"),
            ("hierarchy without timing", "hierarchy_who"),
            ("hierarchy", "hierarchy"),
            ("trees on top, without timing", "trees_who"),
            ("trees on top", "trees"),
        )
    ]
    gain = of_mean(_loss(test, margins[without]) - _loss(test, margins[served]), owner)
    return Answers(len(test.labels), float(test.labels.mean()), rows, auc["gain"], gain)


def _loss(test: Block, margins: Vector) -> Vector:
    return losses(test.labels, chance(margins))
