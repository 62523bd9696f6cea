"""The only place that compares predictions with what happened afterwards: joined, measured, put into words."""
