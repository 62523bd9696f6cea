"""Dead letters: routes, schemas."""
