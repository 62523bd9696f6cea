"""Subscriptions to messages: routes, schemas."""
