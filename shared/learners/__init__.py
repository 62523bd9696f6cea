"""The only place that fits a matrix to labels: trees, logistic regression, and the best single rule."""

from shared.learners.learner import Columns, Learner, learner_from_json
from shared.learners.logistic import Logistic
from shared.learners.rule import Rule
from shared.learners.trees import Trees, TreeShape

__all__ = ["Columns", "Learner", "Logistic", "Rule", "TreeShape", "Trees", "learner_from_json"]
