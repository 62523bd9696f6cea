"""Migrations of the predictions database."""

from shared.store.migrations import environment
from shared.store.predictions import PredictionLogTable

environment.run(PredictionLogTable.metadata, "predictions_revision")
