"""What the service does beside answering: the catalogue it looks at, similar items, what is popular."""
