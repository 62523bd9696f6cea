"""The providers, one file each; a new one is a file here and a line in the list."""

from gateway.webhooks.provider import Provider
from gateway.webhooks.providers.brevo import Brevo
from gateway.webhooks.providers.customerio import CustomerIo
from gateway.webhooks.providers.hubspot import HubSpot
from gateway.webhooks.providers.klaviyo import Klaviyo
from gateway.webhooks.providers.mailgun import Mailgun
from gateway.webhooks.providers.mandrill import Mandrill
from gateway.webhooks.providers.postmark import Postmark
from gateway.webhooks.providers.resend import Resend
from gateway.webhooks.providers.segment import Segment
from gateway.webhooks.providers.sendgrid import SendGrid
from gateway.webhooks.providers.ses import AmazonSes
from gateway.webhooks.providers.standard import StandardWebhooks

_ALL: tuple[Provider, ...] = (
    AmazonSes(),
    Brevo(),
    CustomerIo(),
    HubSpot(),
    Klaviyo(),
    Mailgun(),
    Mandrill(),
    Postmark(),
    Resend(),
    Segment(),
    SendGrid(),
    StandardWebhooks(),
)

PROVIDERS: dict[str, Provider] = {provider.name: provider for provider in _ALL}
