"""The only place that says which channel gets the credit for a conversion."""
