"""The catalogue of items: what the `item` of events names."""
