"""Entry point for WSGI servers: pages, the API and the hooks."""

from hub.app import create_app, create_hub
from hub.settings import load

app = create_app(create_hub(load()))
