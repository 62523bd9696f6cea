"""Sources of webhooks: routes, schemas."""
