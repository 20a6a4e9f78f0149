"""What went wrong with an outgoing webhook, in words of whoever reads it."""

from collections.abc import Mapping
from types import MappingProxyType

from flask_babel import LazyString, force_locale, lazy_gettext
from markupsafe import Markup, escape

from hub.security.outside import Why
from hub.web.jinja import bidi
from hub.webhooks import fault
from hub.webhooks.fault import Code

SENTENCES: Mapping[str, LazyString] = MappingProxyType(
    {
        Why.BAD_URL: lazy_gettext("This is not an address such as https://example.com/hooks."),
        Why.PRIVATE: lazy_gettext("%(detail)s leads into our own network, which is not allowed."),
        Why.NOT_HTTPS: lazy_gettext("Outside our own network only https:// is asked."),
        Why.UNKNOWN_NAME: lazy_gettext("Nobody knows the name %(detail)s."),
        Why.LATE: lazy_gettext("No answer within %(detail)s s."),
        Why.EXPIRED: lazy_gettext("Its certificate has expired."),
        Why.OTHER_NAME: lazy_gettext("Its certificate is of another name."),
        Why.CERTIFICATE: lazy_gettext("Its certificate is not accepted: %(detail)s."),
        Why.TLS: lazy_gettext("There is no safe connection: %(detail)s."),
        Why.CLOSED: lazy_gettext("The connection was closed before an answer came."),
        Why.NOBODY: lazy_gettext("Nobody listens there: the connection was refused."),
        Why.NOT_HTTP: lazy_gettext("What came back is no answer of HTTP."),
        Why.UNREACHABLE: lazy_gettext("It cannot be reached: %(detail)s."),
        Code.REDIRECT: lazy_gettext(
            "It sends us on to another address (%(detail)s), which is not followed. Enter that address."
        ),
        Code.GONE: lazy_gettext("It says that nobody is there any more (410); it was turned off."),
        Code.STATUS: lazy_gettext("It answered %(detail)s."),
        Code.BROKEN_OFF: lazy_gettext("The hub ended before it kept what came back; it was sent again."),
    }
)


def shown(stored: str) -> Markup:
    """Return a sentence for a page; what was stored as one is shown as it is."""
    found = fault.read(stored)
    if found is None:
        return bidi(stored)
    return escape(str(SENTENCES[found.code])) % {"detail": bidi(found.detail)}


def in_english(stored: str) -> str:
    """Return the same for programs."""
    found = fault.read(stored)
    if found is None:
        return stored
    with force_locale("en"):
        return str(SENTENCES[found.code]) % {"detail": found.detail}
