"""Next best message and off-policy evaluation: a simulated world with known effects, public logs, coverage, speed."""
