"""Who is about to leave, by when, and why?"""
