import dataclasses
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logit

from services.scoring.model import BANDS, ScoringModel, _load_pyfunc
from shared.contracts.outcome import Flag
from shared.evaluation.calibration import Calibrator, Reference
from shared.features import Feature, FeatureSet, matrix
from shared.learners import Logistic, Rule
from shared.learners.simple import Columns


def rows_of(model: ScoringModel, world: Any) -> np.ndarray:
    pasts = world.pasts
    return matrix(model.feature_set, pasts, np.arange(len(pasts), dtype=np.int32), cutoffs(world))


def cutoffs(world: Any) -> np.ndarray:
    return np.full(len(world.facts), world.until)


def test_base_and_contributions_sum_to_the_log_odds_of_the_probability(model: ScoringModel, world: Any) -> None:
    values = rows_of(model, world)

    summed = model.contributions(values).sum(axis=1)

    assert_allclose(summed, logit(model.predict_matrix(values)), atol=1e-9)


def test_all_reasons_and_the_base_sum_to_the_margin(model: ScoringModel, world: Any) -> None:
    for scored in model.predict(world.pasts, cutoffs(world), reasons=10):
        assert scored.parts is not None
        told = sum(reason.contribution for reason in scored.reasons)
        assert told + scored.parts["base"] == pytest.approx(scored.margin, abs=1e-8)
        assert sum(scored.parts.values()) == pytest.approx(scored.margin, abs=1e-9)
        assert scored.margin == pytest.approx(logit(scored.probability), abs=1e-9)


def test_fit_is_what_attributes_and_engagement_what_events_contribute(model: ScoringModel, world: Any) -> None:
    shares = model.contributions(rows_of(model, world))
    plan = model.feature_set.names.index("plan")

    scored = model.predict(world.pasts, cutoffs(world), reasons=1)

    assert_allclose([one.parts["fit"] for one in scored if one.parts], shares[:, plan], atol=1e-12)


def test_there_is_one_reason_a_thing_the_strongest_first(model: ScoringModel, world: Any) -> None:
    thing_of = {feature.name: feature.thing for feature in model.feature_set.features}

    for scored in model.predict(world.pasts, cutoffs(world), reasons=10):
        things = [thing_of[reason.feature] for reason in scored.reasons]
        strength = [abs(reason.contribution) for reason in scored.reasons]
        assert len(things) == len(set(things))
        assert strength == sorted(strength, reverse=True)
        assert all(reason.text for reason in scored.reasons)


def test_variants_of_a_thing_are_summed_and_the_hardest_pusher_speaks() -> None:
    names = ("week", "month", "year", "plan")
    features = tuple(
        Feature(name, "numeric", "as given", "activity" if name != "plan" else "plan", attribute=name) for name in names
    )
    weights = np.array([3.0, -1.0, 0.5, 2.0])
    learner = Logistic((0, 1, 2, 3), (np.nan,) * 4, np.zeros(4), np.ones(4), weights, 0.0)
    model = tiny(learner, FeatureSet(features))
    row = np.full((1, 4), np.e - 1)  # signed log(1 + x) of it is 1

    (reasons, parts), *_ = model.explanations(row, model.contributions(row), 10)

    assert [(reason.feature, round(reason.contribution, 9)) for reason in reasons] == [("week", 2.5), ("plan", 2.0)]
    assert parts == pytest.approx({"fit": 4.5, "engagement": 0.0, "base": 0.0})


def tiny(learner: Any, features: FeatureSet | None = None, reference: np.ndarray | None = None) -> ScoringModel:
    features = features or FeatureSet((Feature("a", "numeric", "as given", "a", attribute="a"),))
    margins = np.linspace(-1, 1, 999) if reference is None else reference
    return ScoringModel(
        outcome="won",
        kind=learner.kind,
        grade="C",
        horizon_days=None,
        trained_at=datetime(2026, 5, 1, tzinfo=UTC),
        reached_by=(),
        feature_set=features,
        learner=learner,
        calibrator=Calibrator(),
        reference=Reference.of(margins, np.zeros((len(margins), len(features)))),
    )


RULE = Rule.fit(np.repeat([[0.0], [1.0]], 50, axis=0), np.repeat([0.0, 1.0], 50), Columns(("a",)))


@pytest.mark.parametrize(
    ("score", "band"),
    [(1, "low"), (49, "low"), (50, "medium"), (79, "medium"), (80, "high"), (94, "high"), (95, "very_high")],
)
def test_bands_begin_at_the_50th_80th_and_95th_percentile(
    model: ScoringModel, world: Any, score: int, band: str
) -> None:
    class Placing(Reference):
        def scores(self, margins: np.ndarray) -> Any:
            return np.full(len(margins), score)

    placing = Placing(model.reference.margins, model.reference.edges, model.reference.shares)
    placed = dataclasses.replace(model, reference=placing)

    assert placed.predict(world.pasts, cutoffs(world), reasons=0)[0].band == band


def test_half_of_the_reference_is_low_and_one_in_twenty_very_high(world: Any, model: ScoringModel) -> None:
    continuous = tiny(RULE, reference=np.random.default_rng(0).normal(size=10_000))
    scores = continuous.reference.scores(np.random.default_rng(1).normal(size=20_000))
    bands = np.searchsorted([50, 80, 95], scores, side="right")

    assert np.bincount(bands) / 20_000 == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=0.02)
    assert len(BANDS) == 4


def test_without_reasons_none_are_computed(model: ScoringModel, world: Any) -> None:
    scored = model.predict(world.pasts, cutoffs(world), reasons=0)[0]

    assert scored.reasons == []
    assert scored.parts is None


def test_saved_and_loaded_it_answers_to_the_bit(model: ScoringModel, world: Any, tmp_path: Path) -> None:
    model.save(tmp_path / "v")

    again = ScoringModel.load(tmp_path / "v")

    assert again.predict(world.pasts, cutoffs(world), reasons=5) == model.predict(
        world.pasts, cutoffs(world), reasons=5
    )
    for name in ("outcome", "kind", "grade", "horizon_days", "trained_at", "reached_by", "feature_set", "calibrator"):
        assert getattr(again, name) == getattr(model, name)
    assert_array_equal(again.reference.edges, model.reference.edges)
    assert_array_equal(again.reference.shares, model.reference.shares)


def test_text_json_and_plain_arrays_are_all_that_is_written(model: ScoringModel, tmp_path: Path) -> None:
    model.save(tmp_path)

    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"model.json", "reference.npz", *(["model.txt"] if model.kind == "lightgbm" else [])}
    json.loads((tmp_path / "model.json").read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    with np.load(tmp_path / "reference.npz", allow_pickle=False) as arrays:
        assert {name: arrays[name].dtype for name in arrays.files} == dict.fromkeys(
            ("margins", "edges", "shares"), np.dtype(np.float64)
        )


def test_a_version_saved_twice_has_the_same_files(model: ScoringModel, tmp_path: Path) -> None:
    model.save(tmp_path / "a")
    ScoringModel.load(tmp_path / "a").save(tmp_path / "b")

    for path in (tmp_path / "a").iterdir():
        assert (tmp_path / "b" / path.name).read_bytes() == path.read_bytes()


def test_mlflow_s_loader_gives_the_same_model(model: ScoringModel, tmp_path: Path) -> None:
    model.save(tmp_path)

    assert _load_pyfunc(str(tmp_path))._model.feature_set == model.feature_set  # type: ignore[attr-defined]


def test_the_attribute_of_the_outcome_is_kept_with_the_version(model: ScoringModel, tmp_path: Path) -> None:
    replace(model, flag=Flag("stage", "won")).save(tmp_path / "v")

    assert ScoringModel.load(tmp_path / "v").flag == Flag("stage", "won")
