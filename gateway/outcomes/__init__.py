"""Outcomes: routes, schemas."""
