"""The only place that says which channel gets the credit for a conversion. Pure: no store, no HTTP."""

from shared.attribution.journeys import Journeys, Touch, from_contacts, from_paths
from shared.attribution.report import AttributionReport, attribution_report

__all__ = ["AttributionReport", "Journeys", "Touch", "attribution_report", "from_contacts", "from_paths"]
