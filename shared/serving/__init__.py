"""FastAPI round a capability: lifespan, champion holder, problem documents, health, metrics."""
