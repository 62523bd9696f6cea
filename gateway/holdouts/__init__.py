"""The data report: its route."""
