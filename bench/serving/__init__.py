"""Serving speed, side by side with other model servers and with the limits of the machine."""
