"""The process clients talk to: auth, limits, translate, record, forward. It never predicts."""

import shared  # noqa: F401 - before anything large is loaded: it sets threads and the collector of garbage
