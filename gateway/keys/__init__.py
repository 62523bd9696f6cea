"""API keys: routes, schemas."""
