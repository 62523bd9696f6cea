"""What gateway and services share of HTTP: problem+json, middleware, connections, logs, metrics, process start."""
