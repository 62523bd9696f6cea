"""The only place that judges data before training: minimums, gaps, drops, duplicates, attributes. The gateway may."""

from shared.data_report.report import data_report, reported

__all__ = ["data_report", "reported"]
