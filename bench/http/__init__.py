"""Accuracy on public data, through the product's own features, competition and model."""
