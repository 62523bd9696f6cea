"""Whom does a message, an offer or a call change, and whom not?"""
