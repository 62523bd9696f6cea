"""Which behaviour group does this contact belong to, how surely, and why?"""
