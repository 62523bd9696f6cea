"""Attribution: its routes."""
