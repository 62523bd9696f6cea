"""Segments: routes, schemas."""
