"""Accuracy of value on public data beside textbook models and plain rules; its speed beside scoring."""
