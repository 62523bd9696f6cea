"""Recommendations: which items will this contact buy next?"""
