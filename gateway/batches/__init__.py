"""Batches: routes, schemas, uploads."""
