"""What a fit of scoring comes to, whether its model was fitted by a training or trained elsewhere."""

from dataclasses import dataclass

from services.scoring.model import ScoringModel
from shared.contracts.prediction import Grade
from shared.training.competition import Competition
from shared.training.problem import Problem
from shared.training.report import Report

ONE_MOMENT_GRADE: Grade = "C"
"""The most that is given where only contacts of the same day could judge."""


@dataclass(frozen=True, slots=True)
class ScoringFit:
    """A fitted model with the evidence behind it."""

    model: ScoringModel
    report: Report
    problem: Problem
    competition: Competition
