import dataclasses
import json
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from shared.evaluation.metrics import Interval
from shared.features import ColumnRead, LeftOut
from shared.learners.simple import Columns, chance
from shared.training.competition import CandidateEntry, Competition, compete
from shared.training.material import stratified
from shared.training.problem import Leak, Problem
from shared.training.report import Report, plots, report


def value(found: Report, name: str) -> float:
    figure = found.figures[name]
    return figure.value if isinstance(figure, Interval) else figure


def test_figures_are_those_of_scikit_learn_on_the_judged_rows(
    problem: Problem, competition: Competition, found: Report
) -> None:
    rows = competition.judged
    labels, probability = problem.labels[rows], chance(competition.winner.margin[rows])

    assert value(found, "auc") == pytest.approx(roc_auc_score(labels, probability))
    assert value(found, "average_precision") == pytest.approx(average_precision_score(labels, probability))
    assert value(found, "brier") == pytest.approx(np.mean((labels - probability) ** 2))
    assert value(found, "log_loss") == pytest.approx(
        -np.mean(labels * np.log(probability) + (1 - labels) * np.log(1 - probability))
    )


def test_every_interval_holds_its_value(found: Report) -> None:
    for figure in found.figures.values():
        if isinstance(figure, Interval):
            assert figure.low <= figure.value <= figure.high


def test_skill_is_the_saved_share_of_the_constant_s_loss(found: Report) -> None:
    saved = 1 - value(found, "log_loss") / value(found, "log_loss_constant")

    assert value(found, "skill_over_constant") == pytest.approx(saved)
    assert value(found, "skill_over_best_other") <= value(found, "skill_over_plain_rule")
    assert value(found, "skill_over_plain_rule") <= value(found, "skill_over_constant")
    assert found.usable


def test_counts_are_of_frames_and_of_contacts(problem: Problem, found: Report) -> None:
    positive = set(problem.owner[problem.labels == 1].tolist())

    assert found.data["frames"] == 900
    assert found.data["contacts"] == len(set(problem.owner.tolist()))
    assert found.data["positive_contacts"] == len(positive)
    assert found.data["positive_frames"] == int(problem.labels.sum())
    assert found.data["first_cutoff"] == "1970-01-01"
    assert found.data["judged_to"] == found.data["last_cutoff"] == "1970-04-10"


def test_the_candidates_are_listed_beside_the_constant(found: Report) -> None:
    assert [candidate["kind"] for candidate in found.candidates] == ["constant", "rule", "logistic", "lightgbm"]
    assert sum(candidate.get("served", False) for candidate in found.candidates) == 1


def test_importance_is_a_share_the_greatest_first(found: Report) -> None:
    names, shares = zip(*found.importance, strict=True)

    assert names[0] == "visits"
    assert list(shares) == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1.0, abs=1e-3)


def test_the_json_has_no_nan(found: Report) -> None:
    written = json.loads(json.dumps(found.to_json(), allow_nan=False))

    assert written["figures"]["auc"].keys() == {"value", "low", "high"}
    assert written["winner"] == found.winner


def separated() -> tuple[Problem, Competition]:
    """A margin that knows everything has no calibration line."""
    labels = np.tile([0.0, 1.0], 60)
    problem = Problem(
        np.zeros((120, 1)), labels, np.arange(120, dtype=np.int32), Columns(("a",)), tuple(stratified(labels))
    )
    margin = np.where(labels == 1, 3.0, -3.0)
    entry = CandidateEntry(
        "rule", "rule", margin, margin, margin, False, (), lambda: pytest.fail("nobody asked for it")
    )
    return problem, Competition(entry, (entry,), np.arange(120), np.zeros(120), margin)


def test_a_figure_without_a_number_is_null_in_json() -> None:
    problem, competition = separated()

    found = report(problem, competition, importance=np.zeros(1))

    written = json.dumps(found.to_json(), allow_nan=False)
    assert '"calibration_slope": {"value": null, "low": null, "high": null}' in written
    assert found.importance == []


def test_leaks_and_what_was_left_out_are_reported(problem: Problem, competition: Competition) -> None:
    left = LeftOut("email", "a personal identifier", "--allow email")
    tags = ColumnRead("tags", "category of 3 values", 900, 0)

    found = report(
        problem,
        competition,
        importance=np.ones(3),
        leaks=[Leak("tags", 0.97, by_missingness=False)],
        left_out=[left],
        columns=[tags],
    )

    told = found.to_json()
    assert told["columns"] == [{"name": "tags", "read_as": "category of 3 values", "filled": 900, "unreadable": 0}]
    assert told["leaks"] == ["tags: its value alone predicts the outcome with an AUC of 0.97"]
    assert told["left_out"] == [{"name": "email", "reason": "a personal identifier", "remedy": "--allow email"}]


def test_few_contacts_are_noted_and_cap_the_grade(problem_of: Callable[..., Problem]) -> None:
    few = problem_of(300, strength=3.0)
    competition = compete(few)

    found = report(few, competition, importance=np.ones(3))

    assert found.grade in {"C", "D"}
    assert "fewer than 200 the grade is C at most" in found.notes[-1]


def test_flat_data_has_no_dates_and_says_so(problem_of: Callable[..., Problem]) -> None:
    flat = problem_of(flat=True)

    found = report(flat, compete(flat), importance=np.ones(3))

    assert "first_cutoff" not in found.data
    assert found.notes[0].startswith("Flat data without times")


def test_the_plots_are_three_pictures(found: Report) -> None:
    drawn = plots(found)

    assert sorted(drawn) == ["importance", "lift", "reliability"]
    assert all(png.startswith(b"\x89PNG") for png in drawn.values())


def test_the_grade_is_over_plain_rules_not_over_a_second_good_model(problem: Problem, competition: Competition) -> None:
    twin = dataclasses.replace(competition.winner, kind="logistic")
    plain = dataclasses.replace(competition, entries=(*competition.entries, twin))

    found = report(problem, plain, importance=np.zeros(3))

    assert value(found, "skill_over_best_other") == 0.0
    assert value(found, "skill_over_plain_rule") > 0.05
    assert found.grade == "C"
