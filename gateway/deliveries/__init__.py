"""Deliveries of messages: routes, schemas."""
