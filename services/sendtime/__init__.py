"""When should this contact's next message go out?"""
