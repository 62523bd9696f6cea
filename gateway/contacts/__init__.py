"""Contacts: routes, schemas, writes."""
