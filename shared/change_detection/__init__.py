"""The only place that decides which changes are reported: a prediction against the last known state, with hysteresis.

Its modules are imported one by one: the store, which is in every process, needs only `states`.
"""
