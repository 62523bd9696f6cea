"""Types that cross a process: contact, event, prediction, reason, outcome, call."""
