"""How long the whole product takes to answer over HTTP, with its real processes."""
