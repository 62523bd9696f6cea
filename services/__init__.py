"""One question each, the same few modules in each."""

import shared  # noqa: F401 - before anything loads numpy: it says how many threads that may use
