"""Models of churn made by hand, and small ones fitted on simulated subscribers and shoppers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, cached_property
from itertools import product
from typing import Any

import numpy as np
import pytest

from services.churn.model import ChurnModel, ChurnReference, Periods, cumulative_hazard
from services.churn.training import ChurnMaterial, churn_material
from services.churn.training.hazard import HazardRows, hazard_rows
from shared.contracts.outcome import Outcome
from shared.contracts.rows import ALWAYS, DAY, Microseconds
from shared.evaluation.calibration import Calibrator
from shared.features import Feature, FeatureSet, matrix
from shared.learners import Blend, Learner, Logistic, Rule, Trees, TreeShape
from shared.timeline import ContactFacts, DatedValue, EventTuple, Pasts, build
from shared.timeline.risk import Episode
from shared.training.problem import outcome_features

START: Microseconds = 1_700_000_000_000_000
LEFT = Outcome(name="left", capability="churn", event_types=("subscription_cancelled",), horizon_days=30)
LAPSED = Outcome(name="lapsed", capability="churn", silence=("order_placed",), horizon_days=30)
FLAT = Outcome(name="gone", capability="churn", attribute="gone")


@dataclass
class World:
    """An account; what each contact does is drawn, so that nothing is known but its shape."""

    facts: dict[str, ContactFacts]
    rows: list[EventTuple]
    until: Microseconds

    @cached_property
    def pasts(self) -> Pasts:
        return build(list(self.facts), self.facts, [self.rows])


def _plan(plan: str, at: Microseconds) -> ContactFacts:
    return ContactFacts(created_at=at, attributes=(DatedValue("plan", ALWAYS, plan),))


def _event(contact_id: str, kind: str, day: float, value: float | None = None) -> EventTuple:
    at = START + int(day * DAY)
    return (contact_id, f"{kind}-{at}", kind, at, value, None, None, None, None)


def _subscribers(contacts: int = 300, days: int = 240, *, seed: int = 0) -> World:
    """Begin at any day, use the product, and leave at a constant hazard, three times as high on the basic plan."""
    draw = np.random.default_rng(seed)
    facts, rows = {}, []
    for number in range(contacts):
        name, plan = f"c{number:04d}", ("basic", "pro")[int(draw.random() < 0.5)]
        begins = float(draw.uniform(0, days * 0.6))
        leaves = begins + float(draw.exponential(80 if plan == "basic" else 240))
        facts[name] = _plan(plan, START + int(begins * DAY))
        rows.append(_event(name, "subscription_started", begins, 20.0))
        ends = min(leaves, days)
        uses = draw.poisson(0.2 * (ends - begins))
        rows += [_event(name, "product_used", day) for day in draw.uniform(begins, ends, uses)]
        if leaves < days:
            rows.append(_event(name, "subscription_cancelled", leaves))
    return World(facts, rows, START + days * DAY)


def _shoppers(contacts: int = 250, days: int = 240, *, seed: int = 0) -> World:
    """Order at a rate of their own; half of the contacts stop for good at some day."""
    draw = np.random.default_rng(seed)
    facts, rows = {}, []
    for number in range(contacts):
        name, plan = f"c{number:04d}", ("basic", "pro")[int(draw.random() < 0.5)]
        gap = float(draw.uniform(4, 20)) * (1 if plan == "pro" else 2)
        stops = float(draw.uniform(0, days)) if draw.random() < 0.5 else float(days)
        facts[name] = _plan(plan, START)
        day = float(draw.uniform(0, gap))
        while day < min(stops, days):
            rows.append(_event(name, "order_placed", day, round(float(draw.gamma(2, 20)), 2)))
            day += float(draw.exponential(gap))
    return World(facts, rows, START + days * DAY)


def _flat(contacts: int = 400, *, seed: int = 0) -> World:
    """Spend tells who is gone; nothing is dated."""
    draw = np.random.default_rng(seed)
    facts = {}
    for number in range(contacts):
        spend = float(draw.normal())
        gone = int(draw.random() < 1 / (1 + np.exp(1 + 1.5 * spend)))
        attributes = tuple(DatedValue(*one, False) for one in (("spend", ALWAYS, spend), ("gone", ALWAYS, gone)))
        facts[f"c{number:04d}"] = ContactFacts(attributes=attributes)
    return World(facts, [], START)


@pytest.fixture(scope="session")
def subscribers() -> Callable[..., World]:
    return _subscribers


@pytest.fixture(scope="session")
def shoppers() -> Callable[..., World]:
    return _shoppers


@pytest.fixture(scope="session")
def flat_world() -> Callable[..., World]:
    return _flat


def _laid_out(outcome: Outcome, world: World) -> tuple[ChurnMaterial, FeatureSet, HazardRows]:
    material = churn_material(outcome, world.pasts, now=world.until)
    assert material.waits is not None
    frames = material.closed.frames
    learned = outcome_features(outcome, material.pasts, frames.contact, frames.cutoff).feature_set
    # Ten things at most, so that ten reasons can tell all.
    few = [i for i, feature in enumerate(learned.features) if feature.thing in _FEW]
    features = learned.take(few)
    values = matrix(features, material.pasts, material.waits.contact, material.waits.cutoff)
    return material, features, hazard_rows(material, features, material.waits, values)


_FEW = frozenset(
    f"{thing}:{kind}"
    for thing in ("activity", "recency", "rhythm", "value")
    for kind in ("order_placed", "product_used")
) | {"attribute:plan", "weekend"}


@pytest.fixture(scope="session")
def laid_out() -> Callable[[Outcome, World], tuple[ChurnMaterial, FeatureSet, HazardRows]]:
    """Material, feature set and rows of the hazard of a world."""
    return _laid_out


def _learner(kind: str, rows: HazardRows, base: np.ndarray) -> Learner:
    problem = rows.problem
    assert problem.strata is not None
    offset = base[problem.strata]
    if kind == "blend":
        line, trees = _learner("logistic", rows, base), _learner("lightgbm", rows, base)
        assert isinstance(line, Logistic)
        assert isinstance(trees, Trees)
        return Blend(line, trees)
    if kind == "lightgbm":
        shape = TreeShape(leaves=7, min_rows=20)
        return Trees.fit(problem.matrix, problem.labels, problem.columns, shape=shape, rounds=30, seed=1, offset=offset)
    fit = Logistic.fit if kind == "logistic" else Rule.fit
    return fit(problem.matrix, problem.labels, problem.columns, offset=offset)


@dataclass(frozen=True)
class Trained:
    """A version with the world it was fitted on."""

    model: ChurnModel
    world: World

    @property
    def cutoffs(self) -> np.ndarray:
        return np.full(len(self.world.facts), self.world.until)

    @cached_property
    def values(self) -> np.ndarray:
        contact = np.arange(len(self.world.facts), dtype=np.int32)
        return matrix(self.model.feature_set, self.world.pasts, contact, self.cutoffs)


@cache
def _small(*, leaving: bool) -> tuple[World, ChurnMaterial, FeatureSet, HazardRows]:
    """Lay a small world out, once for all kinds of versions."""
    world = _subscribers(seed=3) if leaving else _shoppers(seed=3)
    return world, *_laid_out(LEFT if leaving else LAPSED, world)


def _trained(way: str, kind: str) -> Trained:
    seasonal = way == "seasonal"
    world, material, features, rows = _small(leaving=way == "leaving")
    outcome = material.outcome
    base = rows.problem.base(np.arange(len(rows.frame)))
    # 240 days hold no year: a version that looks at the season is made as if they did.
    learner = _learner(kind, _with_season(rows) if seasonal else rows, base)
    model = ChurnModel(
        outcome=outcome.name,
        kind=kind,
        grade="B",
        horizon_days=outcome.horizon_days,
        trained_at=datetime(2026, 5, 1, tzinfo=UTC),
        episode=material.wanted,
        feature_set=features,
        learner=learner,
        calibrator=Calibrator(slope=0.9, intercept=-0.1),
        base=base,
        periods=rows.periods,
        seasonal=seasonal,
        reference=_reference(len(features), rows.periods),
        value_types=("order_placed",),
    )
    hazard = model.hazard(rows.values, rows.waits.cutoff)
    reference = ChurnReference.of(hazard, model.leaving(hazard), rows.values)
    return Trained(replace(model, reference=reference), world)


def _with_season(rows: HazardRows) -> HazardRows:
    angle = (rows.waits.cutoff[rows.frame] / DAY)[:, None] * (2 * np.pi / 365.25)
    wide = np.concatenate([rows.problem.matrix, np.sin(angle), np.cos(angle)], axis=1)
    columns = replace(rows.problem.columns, names=(*rows.problem.columns.names, "season_sine", "season_cosine"))
    return replace(rows, problem=replace(rows.problem, matrix=wide, columns=columns))


def _reference(p: int, periods: Periods, mean: float = 0.2) -> ChurnReference:
    k = len(periods)
    hazards = np.cumsum(np.tile(np.linspace(0.01, 0.5, 99), (k, 1)), axis=0)
    return ChurnReference(hazards, np.full(k, mean), np.full((p, 9), np.nan), np.zeros((p, 11)))


@pytest.fixture(
    scope="session",
    params=[*product(("leaving", "silence"), ("lightgbm", "logistic", "rule", "blend")), ("seasonal", "lightgbm")],
    ids="-".join,
)
def trained(request: pytest.FixtureRequest) -> Trained:
    """A version of each kind, of a cancellation and of a silence; one looks at the season."""
    return _trained(*request.param)


A = FeatureSet((Feature("a", "numeric", "as given", "a", attribute="a"),))


def _tiny(
    *,
    ends: Sequence[float] = (10.0, 30.0),
    base: Sequence[float] = (0.0, 0.0),
    weight: float = 0.0,
    contractual: bool = True,
    **changes: Any,
) -> ChurnModel:
    """By default a coin in each of two periods, whoever is asked about; `weight` is that of log(1 + a)."""
    periods = Periods(tuple(ends))
    learner = Logistic((0,), (np.nan,), np.zeros(1), np.ones(1), np.array([weight]), 0.0)
    model = ChurnModel(
        outcome="left",
        kind="logistic",
        grade="C",
        horizon_days=int(ends[-1]),
        trained_at=datetime(2026, 5, 1, tzinfo=UTC),
        episode=Episode(("ended",) if contractual else ("order_placed",), contractual=contractual),
        feature_set=A,
        learner=learner,
        calibrator=Calibrator(),
        base=np.array(base, dtype=np.float64),
        periods=periods,
        seasonal=False,
        reference=_reference(1, periods),
    )
    return replace(model, **changes)


@pytest.fixture(scope="session")
def tiny() -> Callable[..., ChurnModel]:
    """Make a version by hand: `tiny(ends=..., base=..., weight=..., contractual=..., **fields)`."""
    return _tiny


def _flat_model(**changes: Any) -> ChurnModel:
    """Log-odds of leaving are log(1 + a) - 1."""
    learner = Logistic((0,), (np.nan,), np.zeros(1), np.ones(1), np.ones(1), -1.0)
    hazard = cumulative_hazard(np.linspace(-2, 2, 999)[:, None])
    fields = {
        "horizon_days": None,
        "episode": Episode((), contractual=True),
        "learner": learner,
        "reference": ChurnReference.of(hazard, -np.expm1(-hazard), np.zeros((999, 1))),
    }
    return _tiny(ends=(1.0,), base=(0.0,), **{**fields, **changes})


@pytest.fixture(scope="session")
def flat_model() -> Callable[..., ChurnModel]:
    """Make a version of flat data by hand."""
    return _flat_model


Order = tuple[str, str, float, float | None]


def _account(*events: Order, a: dict[str, float] | None = None, **created: float) -> Pasts:
    facts = {
        name: ContactFacts(
            created_at=START + int(created[name] * DAY) if name in created else None,
            attributes=(DatedValue("a", ALWAYS, a[name]),) if a and name in a else (),
        )
        for name in sorted({*created, *(a or {})})
    }
    rows = [_event(*event) for event in events]
    names = sorted({*facts, *(row[0] for row in rows)})
    return build(names, facts, [rows])


@pytest.fixture(scope="session")
def account() -> Callable[..., Pasts]:
    """Make pasts: `account((contact, type, day, value), ..., a={contact: value}, contact=day of creation)`."""
    return _account


@pytest.fixture(scope="session")
def day() -> Callable[[float, int], np.ndarray]:
    """Cutoffs at a day of these pasts: `day(30, n)`."""
    return lambda at, n=1: np.full(n, START + int(at * DAY), dtype=np.int64)
