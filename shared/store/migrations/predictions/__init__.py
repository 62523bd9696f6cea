"""Migrations of the predictions database."""
