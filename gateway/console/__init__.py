"""The console: server-rendered pages over the API's own routes; it reads and does nothing that a client could not."""
