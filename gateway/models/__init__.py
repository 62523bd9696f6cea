"""Models: routes, names, schemas, and the version that shadows one."""
