"""Migrations of the predictions database."""

from shared.store.migrations import environment
from shared.store.model_tables import ShadowPredictionTable
from shared.store.prediction_tables import AnswerCountTable, LatestPredictionTable, PredictionLogTable

TABLES = (AnswerCountTable, LatestPredictionTable, PredictionLogTable, ShadowPredictionTable)
"""All of them are imported, so that the metadata they share knows each."""
environment.run(TABLES[0].metadata, "predictions_revision")
