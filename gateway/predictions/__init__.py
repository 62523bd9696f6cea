"""Stored predictions: routes, schemas, the ranked list."""
