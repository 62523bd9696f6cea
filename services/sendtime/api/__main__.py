"""Serve send time."""

from services.sendtime.api.app import create_app
from shared.serving.process import run
from shared.settings import ServiceSettings

run("sendtime", ServiceSettings, create_app)
