"""What a run of churn does: frames, hazard, figures, plots."""

from services.churn.train.fitting import Fit, fitted
from services.churn.train.material import ChurnMaterial, churn_material

__all__ = ["ChurnMaterial", "Fit", "churn_material", "fitted"]
