"""Training on accounts whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from bench.sendtime.simulation import TRUE, USUAL, World, believed, learned, world
from services.sendtime.model.local_week import SendRules
from services.sendtime.model.query import SendTimeQuery
from services.sendtime.model.sendtime import NOT_LEARNED
from services.sendtime.model.timing import COLUMNS, NAMES
from services.sendtime.training import SendTimeFit, fitted
from services.sendtime.training.material import material_of
from services.sendtime.training.report import plots
from shared.contracts.engagement import BY_MESSAGE
from shared.contracts.rows import DAY, HOUR
from shared.errors import InsufficientData
from shared.evaluation.metrics import Interval
from shared.learners.trees import Trees, TreeShape
from shared.timeline import ContactFacts, build


@pytest.fixture(scope="module")
def biased() -> World:
    return world(contacts=400)


@pytest.fixture(scope="module")
def fit(biased: World) -> SendTimeFit:
    return learned(biased)


def test_the_true_hour_is_found_where_the_naive_rule_finds_the_usual_one(biased: World, fit: SendTimeFit) -> None:
    seen = biased.sends > 0

    found = int(np.where(seen, believed(fit), 0).argmax())

    assert biased.sends[USUAL] / biased.sends.sum() == pytest.approx(0.95, abs=0.01)
    assert biased.naive == USUAL
    assert abs(found - TRUE) <= 1


def test_its_chances_are_near_the_truth(biased: World, fit: SendTimeFit) -> None:
    often = biased.sends >= 50

    assert np.abs(believed(fit) - biased.truth)[often].max() < 0.08


def test_the_report_says_which_model_serves_and_by_how_much(fit: SendTimeFit) -> None:
    report = fit.report.to_json()

    assert report["kind"] in {"hierarchy", "lightgbm"}
    assert any("log loss" in note and "averages alone" in note for note in report["notes"])
    assert isinstance(fit.report.figures["gain_from_timing"], Interval)
    assert sum(bool(one["served"]) for one in report["candidates"]) == 1


def test_a_cold_contact_gets_the_true_hour(biased: World, fit: SendTimeFit) -> None:
    cold = build(["cold"], {"cold": ContactFacts(timezone="UTC")}, [])
    day = biased.until // DAY * DAY
    query = SendTimeQuery(SendRules(day, day + DAY, None))

    (one,) = fit.model.advise(cold, np.array([day]), query)

    assert one.best is not None
    assert abs(one.best.when.local_at % DAY // HOUR - TRUE) <= 1
    assert one.basis == "population"


def test_plots_are_pictures(fit: SendTimeFit) -> None:
    drawn = plots(fit.report, fit.model.activity, fit.timing)

    assert set(drawn) == {"week", "exposure", "reliability"}
    assert all(content.startswith(b"\x89PNG") for content in drawn.values())


def test_with_all_sends_at_one_hour_it_says_default_and_why() -> None:
    made = world(contacts=150, elsewhere=0.0)
    fit = learned(made)
    query = SendTimeQuery(SendRules(made.until, made.until + 2 * DAY))

    (one,) = fit.model.advise(build(["c-1"], {"c-1": ContactFacts(timezone="UTC")}, []), np.array([made.until]), query)

    assert fit.report.usable, "it is served, and claims nothing"
    assert (one.basis, one.lift) == ("default", None)
    assert one.data_quality == ("no_exposure_variation",)
    assert one.best is not None
    assert one.best.when.local_at % DAY // HOUR == USUAL


def test_sends_without_message_ids_leave_activity_to_answer() -> None:
    made = world(contacts=150)
    bare = replace(made.pasts, message=np.full_like(made.pasts.message, -1))

    fit = fitted(material_of(bare, now=made.until), now=made.until)

    assert (fit.model.kind, fit.report.kind, fit.model.default) == ("activity", "activity", None)
    assert not set(fit.model.timings) & set(BY_MESSAGE)
    assert NOT_LEARNED == "engagement_not_learned"
    assert set(plots(fit.report, fit.model.activity, fit.timing)) == {"week"}


def test_what_comes_after_now_is_not_learned_from(biased: World) -> None:
    half = biased.until - 60 * DAY
    known = biased.pasts
    earlier = known.at < half
    owner = np.repeat(np.arange(len(known)), np.diff(known.offsets))
    truncated = replace(
        known,
        offsets=np.concatenate([[0], np.cumsum(np.bincount(owner[earlier], minlength=len(known)))]),
        **{name: getattr(known, name)[earlier] for name in ("at", "type", "value", "message", "campaign", "item")},
    )

    everybody = np.arange(len(known), dtype=np.int32)

    peeked, honest = material_of(known, now=half), material_of(truncated, now=half)

    assert peeked.until <= half
    assert_array_equal(peeked.acts.at, honest.acts.at)
    assert_array_equal(peeked.sends["click"].at, honest.sends["click"].at)
    assert peeked.counts(half, 90.0, everybody).sum() == honest.counts(half, 90.0, everybody).sum()


def test_too_few_active_contacts_are_refused_in_counts() -> None:
    few = world(contacts=20)

    with pytest.raises(InsufficientData) as refused:
        fitted(material_of(few.pasts, now=few.until), now=few.until)

    assert refused.value.members["needed_active_contacts"] == 40


def test_with_trees_on_top_a_cold_contact_is_exactly_the_population(biased: World, fit: SendTimeFit) -> None:
    assert fit.timing is not None
    values = np.random.default_rng(0).normal(size=(400, len(NAMES)))
    labels = (values[:, 8] > 0).astype(float)
    trees = Trees.fit(values, labels, COLUMNS, shape=TreeShape(min_rows=10), rounds=20, seed=1, offset=np.zeros(400))
    layered = replace(fit.model, timings={"click": replace(fit.timing, trees=trees)})
    cold = build(["cold"], {"cold": ContactFacts(timezone="UTC")}, [])

    (one,) = layered.advise(
        cold, np.array([biased.until]), SendTimeQuery(SendRules(biased.until, biased.until + DAY), reasons=10)
    )

    assert (one.reasons, layered.kind) == ([], "lightgbm")
    assert one.margin == pytest.approx(one.base, abs=1e-12)


def test_trees_and_hierarchy_share_the_log_odds_exactly(biased: World, fit: SendTimeFit) -> None:
    assert fit.timing is not None
    draw = np.random.default_rng(0)
    values = draw.normal(size=(400, len(NAMES)))
    trees = Trees.fit(
        values,
        (values[:, 3] > 0).astype(float),
        COLUMNS,
        shape=TreeShape(min_rows=10),
        rounds=20,
        seed=1,
        offset=np.zeros(400),
    )
    timing = replace(fit.timing, trees=trees)
    slots = draw.integers(0, 168, 400)

    shares, base = timing.against_population(values, slots)

    assert_allclose(shares.sum(axis=1) + base, timing.margins(values), atol=1e-9)
