"""Webhooks that come in: verified as each provider signs them, translated into our events, judged human or machine."""
