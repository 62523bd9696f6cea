"""The providers, one file each; a new one is a file here and a line in the list."""

from gateway.webhooks.provider import Provider
from gateway.webhooks.providers.brevo import Brevo
from gateway.webhooks.providers.mailgun import Mailgun
from gateway.webhooks.providers.mandrill import Mandrill
from gateway.webhooks.providers.postmark import Postmark
from gateway.webhooks.providers.sendgrid import SendGrid
from gateway.webhooks.providers.ses import AmazonSes

_ALL: tuple[Provider, ...] = (
    AmazonSes(),
    Brevo(),
    Mailgun(),
    Mandrill(),
    Postmark(),
    SendGrid(),
)

PROVIDERS: dict[str, Provider] = {provider.name: provider for provider in _ALL}
