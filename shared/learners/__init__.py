"""The only place that fits a matrix to labels: trees, logistic regression, both halves, and the best single rule."""

from shared.learners.simple import Columns, Logistic, Rule
from shared.learners.trees import WITH_TEXT, Blend, Learner, Trees, TreeShape, learner_from_json

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
