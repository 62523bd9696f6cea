"""What the service does beside answering: the catalogue as it is now, and decisions that are committed."""
