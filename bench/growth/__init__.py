"""Cost against work: contacts, events, models, size of the store."""
