"""What a training of churn does: frames, hazard, curves, figures and plots; RECIPE is the entry."""

from services.churn.training.fitting import ChurnFit, fitted
from services.churn.training.material import ChurnMaterial, churn_material
from services.churn.training.recipe import RECIPE

__all__ = ["RECIPE", "ChurnFit", "ChurnMaterial", "churn_material", "fitted"]
