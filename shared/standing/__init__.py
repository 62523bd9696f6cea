"""The only place that decides what is told: a prediction against what was told last, with hysteresis.

Its files are imported one by one: the store, which is in every process, needs the rows alone.
"""
