"""The only place that imports mlflow, and only inside functions: a process that needs a digest stays small."""
