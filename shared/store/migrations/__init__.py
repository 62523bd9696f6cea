"""The history of the tables: one folder a database."""
