"""The run every capability shares: compete, judge, report, register, promote."""
