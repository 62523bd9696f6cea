"""What every trained version of churn holds to, of each kind, of a cancellation and of a silence."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from services.churn.model import ChurnModel, ChurnQuery, _load_pyfunc
from shared.contracts.rows import DAY
from shared.errors import ArtifactRefused
from shared.features import Inputs
from shared.timeline.risk import Episode

EVERYTHING = ChurnQuery(horizon_days=20, horizons=(7, 30, 200, 365), survival=True, reasons=10)


def answered(trained: Any, asked: ChurnQuery, model: ChurnModel | None = None) -> Any:
    return (model or trained.model).predict(trained.world.pasts, trained.cutoffs, asked)


def table(trained: Any) -> np.ndarray:
    """Features, and behind them the day of the cutoff where the version looks at the season."""
    day = [trained.cutoffs[:, None] / DAY] if trained.model.seasonal else []
    return np.concatenate([trained.values, *day], axis=1)


def test_the_risk_never_falls_with_the_horizon_of_a_cancellation_and_never_rises_with_that_of_a_silence(
    trained: Any,
) -> None:
    last = int(trained.model.periods.last_day)
    asked = ChurnQuery(horizons=tuple(range(1, last + 1)))

    risks = np.array([[risk for _, risk in scored.horizons] for scored in answered(trained, asked)])

    steps = np.diff(risks, axis=1) * (1 if trained.model.episode.contractual else -1)
    assert (steps >= 0).all()
    assert (steps.sum(axis=1) > 0.01).all()
    assert ((risks >= 0) & (risks <= 1)).all()


@pytest.mark.parametrize("days", [1, 10, 30, 45, 100])
def test_all_reasons_and_the_base_sum_to_the_named_quantity_at_every_horizon(trained: Any, days: int) -> None:
    asked = answered(trained, ChurnQuery(horizon_days=days, reasons=10))

    for scored in asked:
        assert sum(reason.contribution for reason in scored.reasons) + scored.base == pytest.approx(
            scored.margin, abs=1e-8
        )
    assert any(len(scored.reasons) > 1 or trained.model.kind == "rule" for scored in asked)


def test_the_named_quantity_rises_with_the_risk(trained: Any) -> None:
    """Reasons explain the risk that is shown: who has the higher mean log-odds has, mostly, the higher risk."""
    asked = answered(trained, ChurnQuery(reasons=1))

    margins, risks = (np.array([getattr(one, name) for one in asked]) for name in ("margin", "probability"))

    if len(np.unique(risks.round(9))) > 2:
        ranks = [np.argsort(np.argsort(each)) for each in (margins, risks)]
        assert np.corrcoef(*ranks)[0, 1] > 0.9


def test_scores_and_bands_follow_the_risk(trained: Any) -> None:
    asked = answered(trained, ChurnQuery())
    order = np.argsort([one.probability for one in asked], kind="stable")

    scores = np.array([asked[i].score for i in order])
    places = np.array([("low", "medium", "high", "very_high").index(asked[i].band) for i in order])

    assert (np.diff(scores) >= 0).all()
    assert (np.diff(places) >= 0).all()


def test_the_curve_and_the_horizons_and_the_median_are_one(trained: Any) -> None:
    steps = list(range(7, int(trained.model.periods.last_day) + 1, 7))
    for scored in answered(trained, ChurnQuery(horizons=tuple(steps), survival=True)):
        survival = np.array([left for _, left in scored.survival])
        risks = np.array([risk for _, risk in scored.horizons])
        assert_allclose(risks, 1 - survival if scored.contractual else survival, atol=1e-12)
        beyond = [day for day, left in scored.survival if left < 0.5]
        if scored.days_to_event is None:
            assert not beyond
        elif beyond:
            assert beyond[0] - 7 <= scored.days_to_event <= beyond[0]


def test_a_table_of_features_is_answered_as_the_contacts_are(trained: Any) -> None:
    risks = [scored.probability for scored in answered(trained, ChurnQuery())]

    assert_allclose(trained.model.predict_matrix(table(trained)), risks, atol=1e-9)
    assert trained.model.columns[-1 if trained.model.seasonal else 0] == (
        "cutoff_day" if trained.model.seasonal else trained.model.feature_set.names[0]
    )


def test_a_table_of_a_flat_version_is_answered_as_the_contacts_are(flat_model: Any, account: Any, day: Any) -> None:
    model, spent = flat_model(), np.array([0.0, 1.0, 5.0, np.nan])
    pasts = account(a={name: value for name, value in zip("abcd", spent, strict=True) if not np.isnan(value)}, d=0)

    answers = model.predict(pasts, day(1, 4), ChurnQuery())

    assert_allclose(model.predict_matrix(spent[:, None]), [one.probability for one in answers], atol=1e-12)
    assert model.columns == ("a",)


def test_mlflow_s_loader_answers_a_table_in_any_order(trained: Any, tmp_path: Path) -> None:
    trained.model.save(tmp_path)
    given = pd.DataFrame(table(trained), columns=list(trained.model.columns))

    found = _load_pyfunc(str(tmp_path)).predict(given[given.columns[::-1]])

    (output,) = trained.model.table_outputs
    assert output.name == f"risk_within_{trained.model.horizon_days}_days"
    assert_array_equal(found[output.name], trained.model.predict_matrix(table(trained)))


def test_a_row_without_its_day_has_no_season_and_no_answer(trained: Any) -> None:
    given = table(trained)[:2].copy()
    given[0, -1] = np.nan

    (risk,) = trained.model.answer_table(given).values()

    assert np.isnan(risk).tolist() == [trained.model.seasonal, False]


def test_saved_and_loaded_it_answers_to_the_bit(trained: Any, tmp_path: Path) -> None:
    trained.model.save(tmp_path / "v")

    again = ChurnModel.load(tmp_path / "v")

    assert answered(trained, EVERYTHING, again) == answered(trained, EVERYTHING)
    for name in dataclasses.fields(ChurnModel):
        if name.name not in {"reference", "learner", "base"}:
            assert getattr(again, name.name) == getattr(trained.model, name.name)
    assert_array_equal(again.base, trained.model.base)
    assert_array_equal(again.reference.edges, trained.model.reference.edges)


def test_a_flat_version_saved_and_loaded_answers_to_the_bit(
    flat_model: Any, account: Any, day: Any, tmp_path: Path
) -> None:
    model, pasts = flat_model(), account(a={"c": 3.0})
    model.save(tmp_path)

    again = ChurnModel.load(tmp_path)

    assert again.predict(pasts, day(0), EVERYTHING) == model.predict(pasts, day(0), EVERYTHING)
    assert again.is_flat


def test_text_json_and_plain_arrays_are_all_that_is_written(trained: Any, tmp_path: Path) -> None:
    trained.model.save(tmp_path)

    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "model.json",
        "reference.npz",
        *(["model.txt"] if trained.model.kind in {"lightgbm", "blend"} else []),
    }
    json.loads((tmp_path / "model.json").read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    with np.load(tmp_path / "reference.npz", allow_pickle=False) as arrays:
        assert {name: arrays[name].dtype for name in arrays.files} == dict.fromkeys(
            ("hazards", "mean", "edges", "shares"), np.dtype(np.float64)
        )


def test_a_version_saved_twice_has_the_same_files(trained: Any, tmp_path: Path) -> None:
    trained.model.save(tmp_path / "a")
    ChurnModel.load(tmp_path / "a").save(tmp_path / "b")

    for path in (tmp_path / "a").iterdir():
        assert (tmp_path / "b" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("episode", "reached_by", "begun_by"),
    [
        (Episode(("ended",), contractual=True, begun_by=("began",)), ("ended",), ("began",)),
        (Episode(("order_placed",), contractual=False, active_within_days=90), (), ()),
    ],
)
def test_who_left_is_reached_and_a_silence_can_always_be_broken(
    tiny: Any, episode: Episode, reached_by: tuple[str, ...], begun_by: tuple[str, ...]
) -> None:
    model = tiny(episode=episode)

    assert (model.reached_by, model.begun_by) == (reached_by, begun_by)


def test_one_contact_is_answered_as_among_many(trained: Any) -> None:
    together = answered(trained, EVERYTHING)
    pasts, world = trained.world.pasts, trained.world
    for row in (0, 7, 90):
        name = pasts.contact_ids[row]
        alone = dataclasses.replace(
            world, facts={name: world.facts[name]}, rows=[one for one in world.rows if one[0] == name]
        )
        (scored,) = trained.model.predict(alone.pasts, trained.cutoffs[:1], EVERYTHING)
        assert scored.probability == pytest.approx(together[row].probability, abs=1e-12)
        assert scored.margin == pytest.approx(together[row].margin, abs=1e-9)
        assert [part.feature for part in scored.reasons] == [part.feature for part in together[row].reasons]


def test_only_a_version_that_looks_at_the_season_answers_otherwise_half_a_year_later(trained: Any) -> None:
    half, year = 182 * DAY, round(365.25 * DAY)

    now, later, again = (trained.model.hazard(trained.values, trained.cutoffs + shift) for shift in (0, half, year))

    assert bool(np.abs(later - now).max() > 0.01) is trained.model.seasonal
    assert_allclose(again, now, rtol=1e-9)


INPUTS = Inputs(np.array([3.0]), np.array([1.0]), np.array([9.0]), np.array([1.0]), np.array([0.0]), ("a", "b"))


def test_what_its_training_saw_is_kept_with_a_version(tiny: Any, account: Any, day: Any, tmp_path: Path) -> None:
    curves = np.array([[0.1, 0.2], [0.5, 0.9]])
    model = tiny(weight=1.0, inputs=INPUTS, bounds=(-2.0, 1.0), curves=curves)
    pasts = account(a={"c": 1e6, "d": float("nan"), "e": 2.0})
    model.save(tmp_path)

    again = ChurnModel.load(tmp_path)

    assert again.inputs is not None
    assert again.inputs.known == again.attribute_names == ("a", "b")
    for name in ("fill", "low", "high", "weight", "other"):
        assert_array_equal(getattr(again.inputs, name), getattr(INPUTS, name))
    assert again.bounds == (-2.0, 1.0)
    assert_array_equal(again.curves, curves)
    answers = again.predict(pasts, day(0, 3), EVERYTHING)
    assert answers == model.predict(pasts, day(0, 3), EVERYTHING)
    assert [one.inputs.codes for one in answers] == [("out_of_range", "drifted_inputs"), ("missing_attributes",), ()]
    assert [one.inputs.suffices for one in answers] == [True, False, True]


def test_no_curve_leaves_the_range_of_those_of_the_training(tiny: Any) -> None:
    highest, lowest = np.array([[50.0, 50.0]]), np.array([[-50.0, -50.0]])
    model = tiny(curves=np.array([[0.1, 0.2], [0.5, 0.9]]))

    assert_allclose(model.cumulative(highest), [[0.5, 0.9]])
    assert_allclose(model.cumulative(lowest), [[0.1, 0.2]])


@pytest.mark.parametrize("curves", [[[0.1, 0.2]], [[0.5, 0.9], [0.1, 0.2]], [[0.1], [0.2]]])
def test_a_range_that_is_none_is_refused(tiny: Any, tmp_path: Path, curves: list[list[float]]) -> None:
    tiny(curves=np.array(curves)).save(tmp_path)

    with pytest.raises(ArtifactRefused):
        ChurnModel.load(tmp_path)
