"""One question each, the same few modules in each."""

import shared  # noqa: F401 - before anything large is loaded: it sets threads and the collector of garbage
