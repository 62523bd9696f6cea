"""What gateway and services share of HTTP: exchanges, problems, middleware, connections, logs, metrics, processes."""
