"""Incoming webhooks: verified, translated into our events, checked for bots."""
