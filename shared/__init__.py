"""What at least two processes need; each package says "the only place that ..."."""
