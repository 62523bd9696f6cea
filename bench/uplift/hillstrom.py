"""Hillstrom's mailing: 64,000 customers, two mailings and none drawn by lot, visits of the two weeks after."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.uplift.training.fitting import Evidence, evidence_of
from services.uplift.training.learners import LEARNERS, ExperimentTable, learned
from shared.evaluation.metrics import Interval
from shared.learners import Columns
from shared.training.material import contact_folds

ARMS = ("No E-Mail", "Mens E-Mail", "Womens E-Mail")
COLUMNS = ("recency", "history_segment", "history", "mens", "womens", "zip_code", "newbie", "channel")
TEXTS = ("history_segment", "zip_code", "channel")
LINE = (110, 187, 265, 376, 463, 558, 633, 682, 753, 859)
"""Extra visits of the data page, Mens against none, when the first 10 %, 20 % to 100 % are mailed."""
DRAWS = 500
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Hillstrom:
    """What was learned on one half, and measured on the other."""

    values: dict[str, Interval]
    """Mean visits of test customers whose arm agrees with a rule."""
    line: list[Interval]
    """Extra visits by share mailed, by the learner that serves."""
    others: dict[str, list[float]]
    """The same line of the other learners."""
    evidence: Evidence
    """What the product itself concludes from the first half."""

    @property
    def reaches_line(self) -> bool:
        """Whether the line of the data page lies nowhere above the interval."""
        return all(given <= one.high for given, one in zip(LINE, self.line, strict=True))


def table_of(folder: Path) -> ExperimentTable:
    """Read the file."""
    data = pd.read_csv(folder / "hillstrom_email.csv.gz")
    matrix = np.column_stack(
        [data[name].astype("category").cat.codes if name in TEXTS else data[name] for name in COLUMNS]
    ).astype(np.float64)
    return ExperimentTable(
        matrix,
        Columns(COLUMNS, tuple(COLUMNS.index(name) for name in TEXTS)),
        data["visit"].to_numpy(dtype=np.float64),
        data["segment"].map({name: place for place, name in enumerate(ARMS)}).to_numpy(dtype=np.int32),
        np.full(len(data), 1 / len(ARMS)),
        np.arange(len(data), dtype=np.int32),
        len(ARMS) - 1,
    )


def hillstrom(folder: Path) -> Hillstrom:
    """Learn on a random half, judge on the other."""
    table = table_of(folder)
    is_test = np.random.default_rng(42).random(len(table)) < 0.5
    train, test = table.take(np.flatnonzero(~is_test)), table.take(np.flatnonzero(is_test))
    found = evidence_of(train, contact_folds(train.owner, train.label), ARMS)
    final = learned(train)
    lines = {name: _line(test, final.effects[name][0].predict(test.matrix)) for name in LEARNERS}
    effects = np.column_stack(
        [np.zeros(len(test)), *(one.predict(test.matrix) for one in final.effects[found.learner])]
    )
    product = found.surely_best or ARMS[0]
    rules = {
        "no mail": np.zeros(len(test), dtype=np.int64),
        "Mens to all": np.full(len(test), 1),
        "Womens to all": np.full(len(test), 2),
        "the greatest predicted effect for each": np.argmax(effects, axis=1),
        "what the product says": (
            np.argmax(effects, axis=1) if found.has_policy else np.full(len(test), ARMS.index(product))
        ),
    }
    values = {name: _mean(test.label[test.arm == chosen]) for name, chosen in rules.items()}
    values["any of the three at random"] = _mean(test.label)
    others = {name: [one.value for one in line] for name, line in lines.items() if name != found.learner}
    return Hillstrom(values, lines[found.learner], others, found)


def _mean(values: NDArray[np.float64]) -> Interval:
    reach = 1.96 * float(values.std()) / len(values) ** 0.5
    middle = float(values.mean())
    return Interval(middle, middle - reach, middle + reach)


def _line(test: ExperimentTable, predicted: NDArray[np.float64]) -> list[Interval]:
    """Count extra visits of Mens against none, the greatest predicted effect first; intervals draw customers anew."""
    rows = np.flatnonzero(test.arm < 2)
    order = rows[np.argsort(-predicted[rows], kind="stable")]
    arm, label = test.arm[order].astype(np.float64), test.label[order]
    whole = _extra(arm, label, np.ones(len(order)))
    draw = np.random.default_rng(0)
    drawn = np.array(
        [
            _extra(arm, label, np.bincount(draw.integers(0, len(order), len(order)), minlength=len(order)))
            for _ in range(DRAWS)
        ]
    )
    low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
    return [Interval(*map(float, one)) for one in zip(whole, low, high, strict=True)]


def _extra(arm: NDArray[np.float64], label: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.float64]:
    ends = np.searchsorted(np.cumsum(times), np.arange(1, 11) / 10 * times.sum(), side="left")
    ends = np.minimum(ends, len(arm) - 1)
    mailed, free = np.cumsum(times * arm), np.cumsum(times * (1 - arm))
    came, anyway = np.cumsum(times * arm * label), np.cumsum(times * (1 - arm) * label)
    found: NDArray[np.float64] = came[ends] - anyway[ends] * mailed[ends] / free[ends]
    return found
