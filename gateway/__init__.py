"""The process clients talk to: auth, limits, translate, record, forward. It never predicts."""
