"""The model: what each message earns with each contact, and with which chance it is sent. Pure."""
