"""Events: routes, schemas, writes."""
