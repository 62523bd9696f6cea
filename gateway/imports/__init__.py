"""Imports: routes, schemas, uploads."""
