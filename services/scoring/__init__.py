"""How likely is this contact to reach an outcome within a horizon?"""
