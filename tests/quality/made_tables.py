"""Worlds whose truth is known: noise, a weak signal, drift, and columns that know the future."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np

from services.churn.training import ChurnMaterial, churn_material
from shared.contracts.outcome import Outcome
from shared.contracts.rows import ALWAYS, DAY
from shared.learners.simple import chance
from shared.timeline import ContactFacts, EventTuple, build
from shared.timeline.past_rows import DatedValue
from shared.timeline.pasts import Pasts
from shared.training.material import Material, framed

START = 1_700_000_000_000_000
NOW = 1_790_000_000_000_000
WON = Outcome(name="won", capability="scoring", attribute="won", positive="1")
GONE = Outcome(name="gone", capability="churn", attribute="won", positive="1")
LEFT = Outcome(name="left", capability="churn", event_types=("subscription_cancelled",), horizon_days=60, every_days=30)
LAPSED = Outcome(name="lapsed", capability="churn", silence=("order_placed",), horizon_days=30, every_days=10)
Columns = dict[str, Sequence[Any]]


def table(labels: np.ndarray, columns: Columns) -> Pasts:
    facts = {}
    for row, label in enumerate(labels):
        named = {"won": str(int(label)), **{name: values[row] for name, values in columns.items()}}
        values = tuple(
            DatedValue(name, ALWAYS, value, dated=False) for name, value in named.items() if value is not None
        )
        facts[f"c{row:05d}"] = ContactFacts(attributes=values)
    return build(list(facts), facts, ())


def framed_table(labels: np.ndarray, columns: Columns) -> Material:
    return framed(WON, table(labels, columns), now=NOW)


def days(when: np.ndarray) -> list[str]:
    return [(date(2024, 1, 1) + timedelta(days=float(day))).isoformat() for day in when]


def meaningless(
    draw: np.random.Generator, rows: int, *, numbers: int = 6, categories: Sequence[int] = (40,) * 3
) -> Columns:
    """Columns that have nothing to do with anything; categories by how many there are of them."""
    columns: Columns = {f"x{n}": np.round(draw.normal(size=rows), 3).tolist() for n in range(numbers)}
    for place, count in enumerate(categories):
        weight = 1 / np.arange(1, count + 1) ** 0.5
        columns[f"k{place}"] = [f"v{code}" for code in draw.choice(count, rows, p=weight / weight.sum())]
    return columns


# --- Noise: nothing tells contacts apart.


def dated_noise(seed: int, *, rows: int = 800) -> Material:
    """The base rate rises for 400 days, and a rate of interest with it."""
    draw = np.random.default_rng(seed)
    when = np.sort(draw.uniform(0, 400, rows))
    labels = draw.random(rows) < chance(-2.5 + when / 200)
    interest = np.round(when / 100 + 0.05 * draw.normal(size=rows), 3).tolist()
    return framed_table(labels, {"first_contact": days(when), "interest": interest, **meaningless(draw, rows)})


def undated_noise(seed: int, *, rows: int = 800) -> Material:
    """Without a date: folds have to judge."""
    draw = np.random.default_rng(seed)
    return framed_table(draw.random(rows) < 0.2, meaningless(draw, rows))


def noise_of_categories(seed: int, *, rows: int = 800) -> Material:
    draw = np.random.default_rng(seed)
    return framed_table(draw.random(rows) < 0.3, meaningless(draw, rows, numbers=2, categories=(5, 20, 60, 150, 300)))


def stepping_noise(seed: int, *, rows: int = 1_500) -> Material:
    """The base rate of each month wanders, and so does a rate of interest, apart from it."""
    draw = np.random.default_rng(seed)
    when = np.sort(draw.uniform(0, 400, rows))
    month = (when // 20).astype(int)
    level, interest = np.cumsum(draw.normal(0, 0.4, 20)), np.cumsum(draw.normal(0, 0.4, 20))
    columns = {"first_contact": days(when), "interest": np.round(interest[month], 3).tolist()}
    return framed_table(draw.random(rows) < chance(-1.5 + level[month]), {**columns, **meaningless(draw, rows)})


def churn_table_of_noise(seed: int, *, rows: int = 800) -> ChurnMaterial:
    draw = np.random.default_rng(seed)
    return churn_material(GONE, table(draw.random(rows) < 0.25, meaningless(draw, rows)), now=NOW)


def contract_noise(seed: int, *, contacts: int = 800, length: int = 420, reasoned: bool = False) -> ChurnMaterial:
    """Everybody leaves at the same constant rate; on request with a column that was filled in when somebody left."""
    draw = np.random.default_rng(seed)
    facts, rows = {}, []
    for number in range(contacts):
        name, begins, stays = f"c{number:04d}", draw.uniform(0, length), draw.exponential(200)
        at = START + int(begins * DAY)
        plan, size = ("a", "b")[draw.integers(0, 2)], int(draw.integers(0, 4))
        values = [DatedValue("plan", at, plan), DatedValue("size", at, size)]
        if reasoned:
            values.append(DatedValue("churn_reason", at, "price" if begins + stays < length else "none"))
        facts[name] = ContactFacts(at, attributes=tuple(values))
        rows.append(_event(name, "subscription_started", begins))
        if begins + stays < length:
            rows.append(_event(name, "subscription_cancelled", begins + stays))
    return churn_material(LEFT, build(list(facts), facts, [rows]), now=START + length * DAY)


def silence_noise(seed: int, *, contacts: int = 300, length: int = 240) -> ChurnMaterial:
    """Everybody orders at the same constant rate, so that no past says when the next order comes."""
    draw = np.random.default_rng(seed)
    facts, rows = {}, []
    for number in range(contacts):
        name = f"c{number:04d}"
        facts[name] = ContactFacts(START, attributes=(DatedValue("size", START, int(draw.integers(0, 4))),))
        ordered = np.cumsum(draw.exponential(40, 40))
        rows += [_event(name, "order_placed", day) for day in ordered[ordered < length]]
    return churn_material(LAPSED, build(list(facts), facts, [rows]), now=START + length * DAY)


def _event(name: str, kind: str, day: float) -> EventTuple:
    return (name, f"{kind}-{day}", kind, START + int(day * DAY), None, None, None, None, None)


# --- A weak real world.


def rare(seed: int, *, rows: int = 5_800, numbers: int = 76) -> tuple[Material, np.ndarray]:
    """Six in a hundred, about 350 contacts, with the true chances.

    Five columns say something; so many numbers and four categories are noise.
    """
    draw = np.random.default_rng(seed)
    columns = meaningless(draw, rows, numbers=numbers, categories=(4, 6, 9, 12))
    telling = draw.normal(size=(rows, 5))
    true = chance(-3.15 + telling @ np.array([0.55, 0.45, -0.4, 0.35, 0.3]))
    named: Columns = {f"t{place}": np.round(values, 3).tolist() for place, values in enumerate(telling.T)}
    return framed_table(draw.random(rows) < true, {**columns, **named}), true


def weak(seed: int, *, rows: int = 4_000, strength: float = 0.25, dated: bool = False) -> Material:
    """The truth ranks with an AUC of 0.62; 400 reach the outcome; nine columns and 30 cities are noise."""
    draw = np.random.default_rng(seed)
    numbers = draw.normal(size=(rows, 12))
    labels = draw.random(rows) < chance(numbers[:, :3].sum(axis=1) * strength - np.log(9))
    columns: Columns = {f"x{n}": np.round(numbers[:, n], 3).tolist() for n in range(12)}
    columns["city"] = [f"c{code}" for code in draw.integers(0, 30, rows)]
    return framed_table(labels, {**columns, **({"first_contact": days(np.linspace(0, 400, rows))} if dated else {})})


# --- Drift: what is shown, and the values and labels of the later half, which is not.

Later = tuple[Material, dict[str, np.ndarray], np.ndarray]


def fading(seed: int, *, rows: int = 1_500) -> Later:
    """What ranked early ranks backwards late; something else lasts."""
    draw = np.random.default_rng(seed)
    day = np.linspace(0, 400, 2 * rows)
    return _drift(draw, day, own=1.0 - day / 150, lasting=0.6)


def turning(seed: int, *, rows: int = 1_500) -> Later:
    """What ranked turns round at three fifths of what is shown, and nothing lasts."""
    draw = np.random.default_rng(seed)
    day = np.linspace(0, 400, 2 * rows)
    return _drift(draw, day, own=np.where(day < 120, 1.0, -1.0), lasting=0.0)


def _drift(draw: np.random.Generator, day: np.ndarray, *, own: np.ndarray, lasting: float) -> Later:
    half = len(day) // 2
    values = {"fading": draw.normal(size=len(day)), "lasting": draw.normal(size=len(day))}
    labels = draw.random(len(day)) < chance(-1.0 + values["fading"] * own + lasting * values["lasting"])
    shown = {"first_contact": days(day[:half]), **{name: value[:half].tolist() for name, value in values.items()}}
    later = {name: value[half:] for name, value in values.items()}
    return framed_table(labels[:half], shown), later, labels[half:].astype(float)


# --- Columns that know the future, or look as if they did.


def honest(seed: int, *, rows: int = 1_000) -> tuple[np.random.Generator, np.ndarray, Columns]:
    """Three columns that rank with an AUC of about 0.72, and the draw to add more with."""
    draw = np.random.default_rng(seed)
    numbers = draw.normal(size=(rows, 3))
    labels = (draw.random(rows) < chance(numbers.sum(axis=1) * 0.5 - 1.0)).astype(float)
    columns: Columns = {f"x{n}": np.round(numbers[:, n], 3).tolist() for n in range(3)}
    return draw, labels, {**columns, "city": [f"c{code}" for code in draw.integers(0, 20, rows)]}


LEAKS = ("duration", "signed_by", "Lead Quality", "Last Notable Activity", "close_date", "zeta")


def with_leak(name: str, seed: int) -> Material:
    """Add one of `LEAKS` to honest columns."""
    draw, labels, columns = honest(seed)
    reached, n = labels == 1, len(labels)
    if name == "duration":  # of the very call that brought the answer
        leak: Sequence[Any] = np.round(np.exp(5.0 + 1.1 * labels + draw.normal(0, 0.8, n))).tolist()
    elif name == "signed_by":  # filled in only after the outcome
        filled = draw.random(n) < np.where(reached, 0.95, 0.02)
        leak = [f"p{code}" if there else None for code, there in zip(draw.integers(0, 9, n), filled, strict=True)]
    elif name == "Lead Quality":
        leak = _grades(draw, labels, ("High in Relevance", "Might be", "Not Sure", "Worst"), 1.2)
    elif name == "Last Notable Activity":
        leak = _grades(draw, labels, ("SMS Sent", "Modified", "Email Opened", "Page Visited"), 1.2)
    elif name == "close_date":
        filled = draw.random(n) < np.where(reached, 0.8, 0.15)
        leak = [day if there else None for day, there in zip(days(draw.uniform(0, 400, n)), filled, strict=True)]
    else:  # a name that says nothing, and a value that says all
        leak = np.round(labels * 3 + draw.normal(size=n), 3).tolist()
    return framed_table(labels, {**columns, name: leak})


def with_later_value(seed: int) -> Material:
    """A stage that was changed a day after the outcome, for most who reached it."""
    draw, labels, columns = honest(seed)
    facts = {}
    for row, label in enumerate(labels):
        at = START + row * DAY // 4
        values = [DatedValue("won", at, str(int(label)))]
        values += [DatedValue(name, ALWAYS, column[row], dated=False) for name, column in columns.items()]
        stage = ("a", "b", "c")[int(draw.integers(0, 2) + (label == 1 and draw.random() < 0.4))]
        values.append(DatedValue("colour", at + (DAY if label == 1 else -DAY), stage))
        facts[f"c{row:05d}"] = ContactFacts(attributes=tuple(values))
    return framed(WON, build(list(facts), facts, ()), now=NOW)


def with_strong_column(seed: int) -> Material:
    """Pages seen in the session, known before the outcome, rank with an AUC of 0.90 alone."""
    draw, labels, columns = honest(seed)
    pages = np.round(np.exp(1.0 + 1.82 * labels + draw.normal(size=len(labels))), 2).tolist()
    return framed_table(labels, {**columns, "pages": pages})


def clean(seed: int) -> Material:
    _, labels, columns = honest(seed)
    return framed_table(labels, columns)


def _grades(draw: np.random.Generator, labels: np.ndarray, names: Sequence[str], pull: float) -> list[str]:
    level = pull * labels + draw.normal(size=len(labels))
    return [names[3 - int(place)] for place in np.digitize(level, (-0.5, 0.4, 1.2))]
