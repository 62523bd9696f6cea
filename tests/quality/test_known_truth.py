"""Training finds what is there, and nothing where nothing is: on worlds whose truth is known."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from services.scoring.fit import ScoringFit
from services.scoring.training import fitted
from shared.contracts.outcome import Outcome
from shared.contracts.rows import ALWAYS
from shared.errors import InsufficientData
from shared.evaluation.gate import calibration_holds
from shared.evaluation.metrics import Interval, auc, log_loss
from shared.learners.simple import chance
from shared.learners.trees import Trees
from shared.timeline import ContactFacts, build
from shared.timeline.past_rows import DatedValue
from shared.training.material import Material, framed

WON = Outcome(name="won", capability="scoring", event_types=("deal_won",), horizon_days=30, every_days=15)
NOW = 1_750_000_000_000_000


@pytest.fixture(scope="module")
def world(simulated: Callable[..., Any]) -> Any:
    return simulated(1_000, 400)


@pytest.fixture(scope="module")
def stuff(world: Any) -> Material:
    return framed(WON, world.pasts, now=world.until)


@pytest.fixture(scope="module")
def parts() -> list[float]:
    """The progress that the training reported."""
    return []


@pytest.fixture(scope="module")
def fit(world: Any, stuff: Material, parts: list[float]) -> ScoringFit:
    return fitted(stuff, now=world.until, progress=lambda _, part: parts.append(part))


def interval(fit: ScoringFit, name: str) -> Interval:
    figure = fit.report.figures[name]
    assert isinstance(figure, Interval)
    return figure


def test_the_ranking_comes_close_to_the_oracle_s(fit: ScoringFit, stuff: Material, world: Any) -> None:
    rows = fit.competition.judged
    labels = stuff.frames.label[rows]
    oracle = world.truth(stuff.frames.contact[rows], 30)

    assert 0.65 < auc(labels, oracle) < 0.85
    assert interval(fit, "auc").value == pytest.approx(auc(labels, oracle), abs=0.04)


def test_no_log_loss_beats_the_oracle_s_by_more_than_chance(fit: ScoringFit, stuff: Material, world: Any) -> None:
    rows = fit.competition.judged
    least = log_loss(stuff.frames.label[rows], world.truth(stuff.frames.contact[rows], 30))

    assert least - 0.002 < interval(fit, "log_loss").value < least + 0.012


def test_the_calibration_holds(fit: ScoringFit) -> None:
    slope = interval(fit, "calibration_slope")

    assert calibration_holds(slope)
    assert slope.high - slope.low < 1.0


def test_probabilities_are_near_the_truth_on_average(fit: ScoringFit, stuff: Material, world: Any) -> None:
    rows = fit.competition.judged
    served = fit.model.predict_matrix(fit.problem.matrix[rows])

    assert served.mean() == pytest.approx(world.truth(stuff.frames.contact[rows], 30).mean(), rel=0.15)


def test_the_report_calls_it_usable_and_names_the_causes(fit: ScoringFit) -> None:
    names = " ".join(name for name, _ in fit.report.importance[:6])

    assert fit.report.usable
    assert "plan" in names
    assert "page_viewed" in names or "any_event" in names


def test_the_reference_places_the_judged_frames_evenly(fit: ScoringFit) -> None:
    entry = fit.competition.winner
    margins = fit.model.calibrator.margins(entry.raw[fit.competition.judged])

    assert np.median(fit.model.reference.scores(margins)) == pytest.approx(50, abs=1)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_model(simulated: Callable[..., Any]) -> None:
    world = simulated(250, 200, seed=3)
    stuff = framed(WON, world.pasts, now=world.until)

    first, second = fitted(stuff, now=NOW), fitted(stuff, now=NOW)

    assert first.report.to_json() == second.report.to_json()
    for one, other in zip(first.competition.entries, second.competition.entries, strict=True):
        assert_array_equal(one.margin, other.margin)
        assert one.refit() == other.refit() if one.kind == Trees.kind else True


@pytest.mark.usefixtures("fit")
def test_progress_only_moves_forward(parts: list[float]) -> None:
    assert parts == sorted(parts)
    assert parts[0] >= 0
    assert parts[-1] <= 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_noise_has_no_usable_signal(simulated: Callable[..., Any], seed: int) -> None:
    world = simulated(300, 240, seed=seed, signal=False)

    report = fitted(framed(WON, world.pasts, now=world.until), now=NOW).report

    assert not report.usable
    assert report.grade == "D"


FLAT = Outcome(name="converted", capability="scoring", attribute="converted", positive="1")


def flat_world(*, honest: bool = True) -> Material:
    """600 contacts: spend tells something, `tags` was written by whoever saw the answer, `closed_on` only after it."""
    generator = np.random.default_rng(5)
    facts = {}
    for number in range(600):
        spend = float(generator.normal())
        won = bool(generator.random() < chance(np.array([1.5 * spend - 0.5]))[0])
        named = {
            "converted": "1" if won else "0",
            "tags": "will revert" if won or generator.random() < 0.03 else "lost",
            "closed_by": str(generator.integers(0, 3)) if won else None,
            **({"spend": round(spend, 3)} if honest else {}),
        }
        values = tuple(DatedValue(name, ALWAYS, value, dated=False) for name, value in named.items())
        facts[f"c{number}"] = ContactFacts(attributes=values)
    return framed(FLAT, build(list(facts), facts, ()), now=NOW)


@pytest.fixture(scope="module")
def flat() -> ScoringFit:
    return fitted(flat_world(), now=NOW)


def test_a_planted_leak_is_named_and_left_out(flat: ScoringFit) -> None:
    assert [leak.split(":")[0] for leak in flat.report.leaks] == ["closed_by", "tags"]
    assert "being filled in" in flat.report.leaks[0]
    assert flat.model.feature_set.names == ("spend",)
    assert 0.75 < interval(flat, "auc").value < 0.9


def test_flat_data_says_that_time_was_not_tested(flat: ScoringFit) -> None:
    assert flat.model.horizon_days is None
    assert flat.report.notes[0].startswith("Flat data without times")


@pytest.mark.slow
def test_an_allowed_leak_is_used_and_not_called_one() -> None:
    fit = fitted(flat_world(), allowed={"tags"}, now=NOW)

    assert [leak.split(":")[0] for leak in fit.report.leaks] == ["closed_by"]
    assert set(fit.model.feature_set.names) == {"spend", "tags"}
    assert interval(fit, "auc").value > 0.95


def test_when_only_leaks_are_left_the_error_names_them() -> None:
    with pytest.raises(InsufficientData, match=r"suspicious ones are left out \(closed_by, tags\)"):
        fitted(flat_world(honest=False), now=NOW)
