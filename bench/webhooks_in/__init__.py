"""Incoming webhooks under load while the gateway's process is killed again and again."""
