"""From whom a call is. Three ways are those of many programs; Twilio signs its address and fields, and not the body.

Source: https://www.twilio.com/docs/usage/security#validating-requests
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

from connectors.sms.settings import Proof, SmsSettings
from hub.connector.fields import is_form, read_form
from hub.connector.hook import Hook
from hub.connector.proof import as_bytes, plain_hmac, same, standard
from hub.errors import HookError, ShapeError

_BODY_HASH = "bodySHA256"
_HEX = re.compile(r"[0-9a-f]{64}")
_PORTS = {"https": 443, "http": 80}
_Signed = Callable[[str, Hook, int], bool]  # with a secret, at most so many seconds old


def check(settings: SmsSettings, hook: Hook) -> None:
    """Make sure that a call is from whom it says; a token was looked at before.

    Raises:
        HookError: it is not.
    """
    how = settings.proved_by
    if how is Proof.TOKEN:
        return
    if how is Proof.TWILIO:
        addresses = list(_addresses(settings.hook_url.get_secret_value(), hook))
        is_good = any(_twilio(secret, hook, addresses) for secret in settings.secrets)
    else:
        signed: _Signed = standard if how is Proof.STANDARD else plain_hmac
        is_good = any(signed(secret, hook, settings.tolerance_s) for secret in settings.secrets)
    if not is_good:
        raise HookError(
            "The signature is missing, wrong or too old; for Twilio, is the hub's public address the one entered there?"
        )


def _twilio(token: str, hook: Hook, addresses: Sequence[str]) -> bool:
    given = [hook.headers.get("x-twilio-signature", "")]
    if is_form(hook):
        try:
            parts = _parts(read_form(hook))
        except ShapeError:
            return False
        return any(same(_made(token, address + parts), given) for address in addresses)
    wanted = hashlib.sha256(hook.body).hexdigest()
    return any(same(_made(token, one), given) and _body_hash(one) == wanted for one in addresses)


def _made(token: str, signed: str) -> str:
    # What Twilio itself signs with: https://www.twilio.com/docs/usage/security
    return base64.b64encode(hmac.new(token.encode(), as_bytes(signed), hashlib.sha1).digest()).decode()


def _parts(fields: Mapping[str, Iterable[str]]) -> str:
    """Return names with their values, in the order of names; a value that comes twice stands once."""
    return "".join(name + value for name in sorted(fields) for value in sorted(set(fields[name])))


def _body_hash(address: str) -> str:
    """Return the hash of the body that a signed address names; empty: it names none, and the body is anybody's."""
    found = parse_qs(urlsplit(address).query).get(_BODY_HASH, [""])[0].lower()
    return found if _HEX.fullmatch(found) else ""


def _addresses(entered: str, hook: Hook) -> Iterator[str]:
    """Yield the addresses that Twilio may have signed: with the port and without it."""
    query = urlsplit(hook.url).query or urlencode([(name, one) for name, many in hook.query.items() for one in many])
    for address in filter(None, (entered, hook.url)):
        url = urlsplit(address)
        try:
            port, host = url.port, url.hostname or ""
        except ValueError:
            continue
        for netloc in dict.fromkeys((url.netloc, host, f"{host}:{port or _PORTS.get(url.scheme, 443)}")):
            yield urlunsplit((url.scheme, netloc, url.path, url.query or query, ""))
