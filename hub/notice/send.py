"""Send through a mail server. Source of what the answers mean: RFC 5321 sections 4.2 and 4.3.2.

The server's answer to the content is the moment from which the mail is its business. If the answer is lost, nobody
knows; the mail is then sent again with the same Message-ID, by which receiving systems and mail programs know it as
one. Before that moment a lost connection means that nothing was sent.
"""

import contextlib
import smtplib
import ssl
from urllib.parse import urlsplit

from hub.errors import ConfigError, RejectedError, RetryLaterError
from hub.notice import letter
from hub.notice.carrier import Message, Said, UnansweredError, unheard
from hub.records.address import split_address
from hub.records.mail import Address
from hub.settings import Settings
from hub.settings import Smtp as SmtpSettings

_NOT_OUR_TURN = {503, 530, 534, 535, 538}  # sign-in is missing or other than it should be: settings, not this mail
_DONE = {250, 251, 252}


class Smtp:
    """A mail server, asked anew for each mail: there are few."""

    remembers = False

    def __init__(self, settings: SmtpSettings, *, sender: Address, own_name: str, said: Said = unheard) -> None:
        """Keep where the server is.

        Args:
            settings: where, and how to sign in.
            sender: whom mails are from.
            own_name: what this machine calls itself.
            said: told each step and the server's answer to it.
        """
        self._settings = settings
        self._sender = sender
        self._own_name = own_name
        self._said = said

    def carry(self, message: Message) -> None:
        """Send it; see Carrier."""
        composed = letter.composed(message, self._sender)
        smtp = self._opened()
        try:
            self._sign_in(smtp)
            self._envelope(smtp, message.to.address)
            self._content(smtp, composed.raw)
            with contextlib.suppress(OSError, smtplib.SMTPException):
                smtp.quit()  # it is sent, whatever happens to this
        finally:
            smtp.close()

    def _opened(self) -> smtplib.SMTP:
        one = self._settings
        try:
            if one.security == "tls":
                smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                    one.host, one.port, self._own_name, timeout=one.timeout_s, context=self._tls()
                )
            else:
                smtp = smtplib.SMTP(one.host, one.port, self._own_name, timeout=one.timeout_s)
        except (OSError, smtplib.SMTPException) as error:
            raise self._away("connect", error) from None
        self._said("connect", f"{one.host}:{one.port} answers")
        return smtp

    def _tls(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._settings.ca_file or None)
        except OSError as error:
            raise RetryLaterError(f"smtp.ca_file: {self._settings.ca_file} cannot be read: {_said(error)}") from None

    def _sign_in(self, smtp: smtplib.SMTP) -> None:
        one = self._settings
        try:
            if one.security == "starttls":
                smtp.starttls(context=self._tls())  # raises where the server has none: never without, then
            smtp.ehlo_or_helo_if_needed()
            self._said("encryption", _cipher(smtp))
            if one.user:
                smtp.login(one.user, one.password.get_secret_value())
                self._said("sign-in", f"as {one.user}")
        except smtplib.SMTPAuthenticationError as error:
            # Without the server's words: they are about a password.
            text = f"The mail server refuses smtp.user and smtp.password ({error.smtp_code})."
            self._said("sign-in", text)
            raise RetryLaterError(text) from None
        except (OSError, ValueError, smtplib.SMTPException) as error:
            raise self._away("sign-in" if one.user else "encryption", error) from None

    def _envelope(self, smtp: smtplib.SMTP, to: str) -> None:
        try:
            code, answer = smtp.mail(self._sender.address)
            self._heard("sender", code, answer)
            if code != 250:
                raise RetryLaterError(f"The mail server does not take mail from smtp.from: {_line(code, answer)}")
            code, answer = smtp.rcpt(to)
        except (OSError, ValueError, smtplib.SMTPException) as error:
            raise self._away("recipient", error) from None
        self._heard("recipient", code, answer)
        if code not in _DONE:
            raise _refusal(code, answer)

    def _content(self, smtp: smtplib.SMTP, raw: bytes) -> None:
        try:
            code, answer = smtp.data(raw)
        except smtplib.SMTPDataError as error:  # it did not even want the content
            self._heard("content", error.smtp_code, error.smtp_error)
            raise _refusal(error.smtp_code, error.smtp_error) from None
        except (OSError, smtplib.SMTPException) as error:
            text = f"The mail server did not answer to the content; it may have taken it. ({_said(error)})"
            self._said("content", text)
            raise UnansweredError(text) from None
        self._heard("content", code, answer)
        if not 200 <= code < 600:
            raise UnansweredError(f"The mail server's answer to the content cannot be read: {_line(code, answer)}")
        if code != 250:
            raise _refusal(code, answer)

    def _heard(self, step: str, code: int, answer: bytes | str) -> None:
        self._said(step, _line(code, answer))

    def _away(self, step: str, error: Exception) -> RetryLaterError:
        text = f"The mail server {self._settings.host}:{self._settings.port} cannot be used: {_said(error)}"
        self._said(step, text)
        return RetryLaterError(text)


def open_smtp(settings: Settings, said: Said = unheard) -> Smtp | None:
    """Return the mail server that is set; None: there is none.

    Raises:
        ConfigError: names the setting that is wrong.
    """
    one = settings.smtp
    if not one.host:
        return None
    sender = split_address(one.from_)
    if sender is None or not sender[0].isascii():
        raise ConfigError("smtp.from: must be an address such as hub@example.com where smtp.host is set")
    if one.user and one.security == "none":
        raise ConfigError("smtp.security: user and password travel encrypted only; set starttls or tls, or no user")
    if one.user and not one.password.get_secret_value():
        raise ConfigError("smtp.password: is missing; set HUB_SMTP__PASSWORD in the environment, or no smtp.user")
    own = Address(letter.own_name(settings), "@".join(sender))
    return Smtp(one, sender=own, own_name=_own_name(settings.public_url), said=said)


def _own_name(url: str) -> str:
    """Return what to call ourselves: a name with a dot, else an address as RFC 5321 section 4.1.3 writes it.

    The standard library would ask the name system, and wait for it where it is away.
    """
    host = (urlsplit(url).hostname or "").strip(".")
    if ":" in host:
        return f"[IPv6:{host}]"
    if host.replace(".", "").isdigit():
        return f"[{host}]"
    return host if "." in host and host.isascii() else "[127.0.0.1]"


def _refusal(code: int, answer: bytes | str) -> Exception:
    text = f"The mail server says: {_line(code, answer)}"
    return RejectedError(text) if 500 <= code < 600 and code not in _NOT_OUR_TURN else RetryLaterError(text)


def _line(code: int, answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return f"{code} {_one_line(text)}".strip()


def _said(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _line(error.smtp_code, error.smtp_error)
    return _one_line(str(error)) or type(error).__name__


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]


def _cipher(smtp: smtplib.SMTP) -> str:
    if isinstance(smtp.sock, ssl.SSLSocket):
        return smtp.sock.version() or "TLS"
    return "none"
