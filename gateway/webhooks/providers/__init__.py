"""The providers, one file each; a new one is a file here and a line in the list."""

from gateway.webhooks.provider import Provider

_ALL: tuple[Provider, ...] = ()

PROVIDERS: dict[str, Provider] = {provider.name: provider for provider in _ALL}
