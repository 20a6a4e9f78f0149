"""Forms on web pages, and programs that post their answers."""

from connectors.webforms.settings import WebFormsSettings
from connectors.webforms.snippet import snippet
from connectors.webforms.webhook import check, receive
from hub.connector.contract import Connector
from hub.connector.fields import LARGEST

CONNECTOR = Connector(
    name="webforms",
    title="Web forms",
    docs="https://www.standardwebhooks.com",
    settings=WebFormsSettings,
    check=check,
    receive=receive,
    snippet=snippet,
    largest_hook=LARGEST,
    help="A form of your own page, Elementor, Contact Form 7, Typeform, Tally, Google Ads lead forms, Zapier or Make. "
    "Save, then enter the address shown here in the program that sends.",
)
