"""How good churn is on public data, beside textbook models, through the product's own features, hazard and model."""
