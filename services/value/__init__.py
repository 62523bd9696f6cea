"""What is this contact worth over a horizon, and when does it order next?"""
