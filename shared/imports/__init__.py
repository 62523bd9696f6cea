"""Imports of uploaded files: where their files lie, and how these lose whom nobody may keep any longer."""
