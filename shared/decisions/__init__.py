"""The only place that says what a decision earned: decisions as columns, the events they earned, read together."""
