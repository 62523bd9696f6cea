"""`POST /predict`: what all capabilities say about the same contacts, in one call."""
