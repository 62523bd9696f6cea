"""Export and erasure: routes, schemas."""
