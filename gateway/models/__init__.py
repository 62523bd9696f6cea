"""Models: routes, schemas."""
