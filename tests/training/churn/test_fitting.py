"""A whole fit: the version, its report, and what it leaves out."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from services.churn.model import ChurnQuery
from services.churn.training import ChurnFit, ChurnMaterial, churn_material, fitted
from services.churn.training.curves import curve_plot
from services.churn.training.fitting import _of_the_hazard, _value_types
from shared.contracts.outcome import Outcome
from shared.contracts.rows import ALWAYS, DAY
from shared.evaluation.metrics import Interval
from shared.learners.simple import chance
from shared.timeline import ContactFacts, DatedValue, build
from shared.training.report import CHOSEN_BY_FOLDS

LEFT = Outcome(name="left", capability="churn", event_types=("subscription_cancelled",), horizon_days=30)
LAPSED = Outcome(name="lapsed", capability="churn", silence=("order_placed",), horizon_days=30)
FLAT = Outcome(name="gone", capability="churn", attribute="gone")
NOW = 1_750_000_000_000_000


@pytest.fixture(scope="module")
def told() -> list[tuple[str, float]]:
    return []


@pytest.fixture(scope="module")
def shop(shoppers: Any, told: list[tuple[str, float]]) -> tuple[ChurnMaterial, ChurnFit]:
    world = shoppers(200, 240)
    material = churn_material(LAPSED.model_copy(update={"band_lifts": (1.0, 3.0, 9.0)}), world.pasts, now=world.until)
    return material, fitted(material, now=world.until, progress=lambda text, part: told.append((text, part)))


@pytest.fixture(scope="module")
def club(subscribers: Any) -> tuple[ChurnMaterial, ChurnFit]:
    world = subscribers(400, 300)
    material = churn_material(LEFT.model_copy(update={"every_days": 20}), world.pasts, now=world.until)
    return material, fitted(material, now=world.until)


@pytest.fixture(scope="module")
def flat(flat_world: Any) -> tuple[ChurnMaterial, ChurnFit]:
    world = flat_world()
    material = churn_material(FLAT, world.pasts, now=world.until)
    return material, fitted(material, now=world.until)


def test_a_version_of_a_silence_knows_what_it_waits_for(shop: tuple[ChurnMaterial, ChurnFit]) -> None:
    material, fit = shop
    model = fit.model

    assert (model.outcome, model.horizon_days, model.is_flat, model.seasonal) == ("lapsed", 30, False, False)
    assert model.episode == material.wanted
    assert model.band_lifts == (1.0, 3.0, 9.0)
    assert model.value_types == ("order_placed",)
    assert 30 <= model.periods.last_day < 240
    assert model.grade == fit.report.grade


def test_the_report_says_what_was_waited_for_and_how_far_the_curve_reaches(
    shop: tuple[ChurnMaterial, ChurnFit],
) -> None:
    _, fit = shop
    report = fit.report

    assert report.data["waits_for"] == "order_placed"
    assert report.data["contractual"] is False
    assert report.data["looks_at_season"] is False
    assert report.data["curve_days"] == fit.model.periods.last_day
    assert report.data["hazard_rows"] > report.data["frames"] > report.data["judged_frames"]
    assert f"for {fit.model.periods.last_day:g} days; nothing is answered beyond" in " ".join(report.notes)
    assert {"brier_30d", "calibration_slope_30d", "calibration_intercept_30d", "integrated_brier"} <= set(
        report.figures
    )


@pytest.mark.parametrize(
    ("hazard", "graded", "noted"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_folds_are_named_only_where_neither_the_horizon_nor_the_hazard_could_choose(
    hazard: bool, graded: bool, noted: bool
) -> None:
    few = [SimpleNamespace(chosen_by_folds=by_folds) for by_folds in (hazard, graded)]

    notes = _of_the_hazard(["Figures come from 4 blocks.", CHOSEN_BY_FOLDS], *few)  # type: ignore[arg-type]

    assert (CHOSEN_BY_FOLDS in notes) is noted
    assert "Figures come from 4 blocks." in notes


def test_subscribers_are_at_risk_from_their_beginning_on(club: tuple[ChurnMaterial, ChurnFit]) -> None:
    _, fit = club

    assert "A contact is at risk from subscription_started on, again after a return." in fit.report.notes
    assert fit.model.value_types == ("subscription_started",)
    assert fit.report.data["contractual"] is True


def test_tenure_is_used_for_a_contract_though_it_gives_the_date_away(
    shop: tuple[ChurnMaterial, ChurnFit], club: tuple[ChurnMaterial, ChurnFit]
) -> None:
    assert "days_known" in club[1].model.feature_set.names
    assert "days_known" not in shop[1].model.feature_set.names


def test_the_figure_of_the_horizon_is_that_of_the_graded_frames(shop: tuple[ChurnMaterial, ChurnFit]) -> None:
    _, fit = shop
    rows = fit.graded.judged
    gap = chance(fit.graded.nested[rows]) - fit.problem.labels[rows]

    at_horizon, judged = fit.report.figures["brier_30d"], fit.report.figures["brier"]

    assert isinstance(at_horizon, Interval)
    assert isinstance(judged, Interval)
    assert at_horizon.value == pytest.approx(float((gap**2).mean()), abs=1e-9)
    assert at_horizon.value == pytest.approx(judged.value, abs=1e-9)


def test_the_served_curve_starts_from_the_base_rates_of_all_rows(club: tuple[ChurnMaterial, ChurnFit]) -> None:
    _, fit = club
    model = fit.model

    hazard = model.hazard(fit.problem.matrix, fit.problem.cutoff)

    seen = fit.problem.labels.mean()
    assert len(model.base) == len(model.periods)
    assert model.risk(hazard).mean() == pytest.approx(seen, rel=0.25)


def test_the_reference_places_the_judged_frames_evenly(shop: tuple[ChurnMaterial, ChurnFit]) -> None:
    _, fit = shop
    model, periods = fit.model, fit.model.periods

    middle = periods.cumulative(model.reference.hazards.T, [30])[49, 0]

    assert model.reference.scores(periods, np.array([middle]), 30, contractual=False).tolist() == pytest.approx(
        [50], abs=1
    )
    assert (np.diff(model.reference.mean) <= 1e-12).all()
    assert (np.diff(model.reference.hazards, axis=0) >= 0).all()


def test_what_the_curve_shows_can_be_drawn(
    shop: tuple[ChurnMaterial, ChurnFit], flat: tuple[ChurnMaterial, ChurnFit]
) -> None:
    for contractual in (True, False):
        assert curve_plot(shop[1].curve, contractual=contractual).startswith(b"\x89PNG")
    assert flat[1].curve == {}


def test_progress_only_moves_forward(shop: tuple[ChurnMaterial, ChurnFit], told: list[tuple[str, float]]) -> None:
    parts = [part for _, part in told]

    assert parts == sorted(parts)
    assert parts[0] == 0.0
    assert parts[-1] <= 1.0
    assert {"computing features", "fitting rule", "fitting on all frames", "judging"} <= {text for text, _ in told}


def test_flat_data_makes_a_version_without_time(flat: tuple[ChurnMaterial, ChurnFit]) -> None:
    _, fit = flat
    model = fit.model

    assert (model.is_flat, model.horizon_days, len(model.periods)) == (True, None, 1)
    assert model.feature_set.names == ("spend",)
    assert (model.reached_by, model.begun_by, model.columns) == ((), (), ("spend",))
    assert fit.report.usable
    assert fit.report.notes[0].startswith("Flat data without times")
    risk = model.predict_matrix(fit.problem.matrix)
    assert risk.mean() == pytest.approx(fit.problem.labels.mean(), abs=0.02)
    assert np.corrcoef(risk, fit.problem.matrix[:, 0])[0, 1] < -0.9  # who spends stays


def test_a_column_that_knows_who_left_is_left_out_until_allowed_and_the_outcome_s_own_always(flat_world: Any) -> None:
    world = flat_world()
    facts = {
        name: fact._replace(
            attributes=(*fact.attributes, DatedValue("closed_by", ALWAYS, str(fact.attributes[1].value), False)),
        )
        for name, fact in world.facts.items()
    }

    material = churn_material(FLAT, replace(world, facts=facts).pasts, now=NOW)
    kept, allowed = fitted(material, now=NOW), fitted(material, now=NOW, allowed={"closed_by", "gone"})

    assert [leak.split(":")[0] for leak in kept.report.leaks] == ["closed_by"]
    assert kept.model.feature_set.names == ("spend",)
    assert set(allowed.model.feature_set.names) == {"spend", "closed_by"}


def test_the_same_seed_gives_the_same_version(flat: tuple[ChurnMaterial, ChurnFit]) -> None:
    material, fit = flat

    again = fitted(material, now=NOW)

    assert again.report.to_json() == fit.report.to_json()
    assert_array_equal(again.model.predict_matrix(fit.problem.matrix), fit.model.predict_matrix(fit.problem.matrix))


@pytest.mark.slow
def test_the_same_seed_gives_the_same_curve(shop: tuple[ChurnMaterial, ChurnFit]) -> None:
    material, fit = shop

    again = fitted(material, now=NOW)

    assert again.report.to_json() == fit.report.to_json()
    assert again.model.learner.to_json() == fit.model.learner.to_json()
    assert_allclose(again.model.base, fit.model.base, rtol=0, atol=0)


def test_values_are_those_of_the_activity_waited_for_else_of_the_first_type_with_any(
    shoppers: Any, subscribers: Any
) -> None:
    shop, club = shoppers(150, 240), subscribers(250, 240)
    orders = [(name, f"o{at}", "order_placed", at, 5.0, None, None, None, None) for name, _, _, at, *_ in club.rows]
    mixed = replace(club, rows=[*club.rows, *orders])

    def types(outcome: Outcome, world: Any) -> tuple[str, ...]:
        return _value_types(churn_material(outcome, world.pasts, now=world.until))

    assert types(LAPSED, shop) == ("order_placed",)
    assert types(LEFT, club) == ("subscription_started",)
    assert types(LEFT, mixed) == ("order_placed",)
    coffee = replace(shop, rows=[(row[0], row[1], "coffee_bought", *row[3:]) for row in shop.rows])
    assert types(LAPSED.model_copy(update={"silence": ("coffee_bought",)}), coffee) == ("coffee_bought",)
    silent = LAPSED.model_copy(update={"silence": ("product_used",)})
    assert types(silent, club) == ("subscription_started",)


def test_contacts_without_any_past_still_have_a_risk(club: tuple[ChurnMaterial, ChurnFit]) -> None:
    _, fit = club
    pasts = build(["new"], {"new": ContactFacts(created_at=NOW - DAY)}, ())

    (scored,) = fit.model.predict(pasts, np.array([NOW]), ChurnQuery(horizons=(7,), survival=True, reasons=3))

    assert scored.status == "ok"
    assert 0 < scored.probability < 1
