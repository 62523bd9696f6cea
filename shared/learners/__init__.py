"""The only place that fits a matrix to labels: trees, logistic regression, both halves, and the best single rule."""

from shared.learners.blend import Blend
from shared.learners.learner import WITH_TEXT, Learner, learner_from_json
from shared.learners.simple import Columns, Logistic, Rule
from shared.learners.trees import Trees, TreeShape

__all__ = [
    "WITH_TEXT",
    "Blend",
    "Columns",
    "Learner",
    "Logistic",
    "Rule",
    "TreeShape",
    "Trees",
    "learner_from_json",
]
