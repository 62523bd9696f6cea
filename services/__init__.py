"""One question each, the same few rooms in each."""
