"""The only place that sends messages to those who subscribed: signed, guarded, tried again; also into CRMs."""
