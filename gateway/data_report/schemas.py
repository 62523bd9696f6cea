"""Answers of the routes of the data report: the objects that the command line shows too."""

from shared.contracts.data_report import DataReport, Vocabulary

__all__ = ["DataReport", "Vocabulary"]
