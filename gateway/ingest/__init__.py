"""Taking contacts and events in: the envelope strictly, each item alone, committed before the answer."""
