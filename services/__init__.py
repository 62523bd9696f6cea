"""One question each, the same few modules in each."""
