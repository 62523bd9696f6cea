"""One document for the whole API: the gateway's own paths and those of every capability."""

from gateway.openapi.document import TITLE, VERSION, merged
from gateway.openapi.services import request_fields, saved_service_document
from gateway.openapi.three_zero import as_3_0

__all__ = ["TITLE", "VERSION", "as_3_0", "merged", "request_fields", "saved_service_document"]
