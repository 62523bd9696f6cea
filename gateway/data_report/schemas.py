"""Answer of the route of the data report: the object that the command line shows too."""

from shared.contracts.data_report import DataReport

__all__ = ["DataReport"]
