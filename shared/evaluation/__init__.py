"""The only place that judges: ranking, calibration, baselines, intervals, grade, leaks, gate."""
