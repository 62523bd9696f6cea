"""The only place that compares contacts who were treated with others who were not: intervals, holdouts, messages."""
