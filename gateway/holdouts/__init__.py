"""Holdouts: their routes."""
