"""Messages: which message should this contact get, if any?"""
