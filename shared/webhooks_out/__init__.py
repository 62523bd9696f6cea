"""The only place that sends messages to subscriptions: signed, guarded, retried; also into CRMs."""
