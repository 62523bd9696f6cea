"""What at least two processes need; each room says "the only place that ..."."""
