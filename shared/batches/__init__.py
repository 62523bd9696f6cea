"""Predictions about many contacts: which, in parts, as files, and resumed where a process died."""
