"""The door of training: from an account and an outcome to a version in the registry, and its report."""

from services.churn.train.door import CAPABILITY, train
from services.churn.train.fitting import ChurnFit, fitted
from services.churn.train.material import ChurnMaterial, churn_material

__all__ = ["CAPABILITY", "ChurnFit", "ChurnMaterial", "churn_material", "fitted", "train"]
