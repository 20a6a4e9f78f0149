"""What the administrator tells us about one gateway: what it calls its fields, how it proves itself, how it is sent by."""

import re
from collections.abc import Mapping
from enum import StrEnum
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from hub.connector.contract import AccountSettings
from hub.records.message import Delivery

TWILIO = "https://api.twilio.com"
# Where Twilio sends us on to for the files of a message; seen, and not promised by its documentation.
_TWILIO_FILES = frozenset({"mms.twiliocdn.com", "media.twiliocdn.com"})
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(/[^\s\x00-\x1f\x7f]*)?")
_HERE = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/.*)?")  # the simulator needs no TLS
_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,60}")
_SENDER = re.compile(r"[+A-Za-z0-9 ._&-]{1,40}")


class Preset(StrEnum):
    """Whose gateway it is."""

    GENERIC = "generic"
    TWILIO = "twilio"


class Proof(StrEnum):
    """How a call proves from whom it is."""

    TOKEN = "token"  # noqa: S105 - the account's token, in the address or the header
    HMAC = "hmac"  # X-Signature: sha256=HEX of the raw body, with a time or without
    STANDARD = "standard"  # https://www.standardwebhooks.com
    TWILIO = "twilio"  # X-Twilio-Signature: BASE64 of address and fields


class Auth(StrEnum):
    """How we prove ourselves to the gateway."""

    NONE = "none"
    BEARER = "bearer"
    BASIC = "basic"
    HEADER = "header"  # the password in a header of its own


class Encoding(StrEnum):
    """How the gateway wants a message to be written."""

    JSON = "json"
    FORM = "form"


# What the parts of a message are called, in the order in which they are looked for.
FIELDS: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "message_id", "messageId", "msgId", "provider_message_id", "sid"),
    "from": ("from", "sender", "msisdn", "source", "originator"),
    "to": ("to", "recipient", "destination", "receiver"),
    "text": ("text", "message", "body", "content"),
    "at": ("at", "received_at", "timestamp", "date", "time"),
    "name": ("name", "sender_name"),
    "media": ("media", "media_urls", "attachments"),
    "status": ("status", "state", "dlr", "delivery_status"),
    "code": ("error_code", "errorCode", "code"),
    "reason": ("error", "reason", "error_message"),
    "list": ("messages", "results", "items"),
}
STATES: Mapping[str, Delivery] = {
    **dict.fromkeys(("accepted", "queued", "pending", "scheduled", "sending", "enroute", "buffered"), Delivery.ACCEPTED),
    **dict.fromkeys(("sent", "submitted", "acked"), Delivery.SENT),
    **dict.fromkeys(("delivered", "delivrd"), Delivery.DELIVERED),
    **dict.fromkeys(("read", "seen"), Delivery.READ),
    **dict.fromkeys(
        ("failed", "undelivered", "undeliv", "undeliverable", "rejected", "rejectd", "expired", "canceled", "cancelled",
         "error"), Delivery.FAILED
    ),
}  # fmt: skip
SENDS: Mapping[str, str] = {"from": "from", "to": "to", "text": "text", "reference": "key"}
_VALUES = frozenset({"from", "to", "text", "key", "callback"})


class SmsSettings(AccountSettings):
    """One gateway, with the numbers that it has for us."""

    preset: Preset = Field(Preset.GENERIC, title="Gateway", description="generic or twilio.")
    account_sid: str = Field(
        "", title="Account SID", description="Twilio only; begins with AC.", pattern=r"^(AC[0-9a-zA-Z]{32})?$"
    )
    password: SecretStr = Field(
        SecretStr(""),
        title="Password or token",
        description="What the gateway lets us in with; for Twilio the auth token.",
    )
    signing_secret: SecretStr = Field(
        SecretStr(""),
        title="Signing secret",
        description="What the gateway signs with. Twilio signs with the auth token: leave it empty where that is the password.",
    )
    proof: Proof | None = Field(
        None,
        title="Proof",
        description="token, hmac, standard or twilio. Empty = twilio for Twilio; else hmac where there is a secret, and "
        "token where there is none.",
    )
    old_signing_secret: SecretStr = Field(
        SecretStr(""), title="Old signing secret", description="Good as well while you change it. Empty = none."
    )
    tolerance_s: int = Field(
        300,
        title="Oldest call",
        description="Seconds after which a signed call with a time is refused.",
        ge=30,
        le=3600,
    )
    hook_url: SecretStr = Field(
        SecretStr(""),
        title="Address of the hook",
        description="As it was entered at the gateway, which it posts states to. It holds the account's token. Twilio signs it; "
        "empty = the hub's public address as it was called.",
    )
    fields: str = Field(
        "",
        title="Names of fields",
        description="One per line, such as `from = msisdn` or `text = message.body`: id, from, to, text, at, name, media, "
        "status, code, reason, list. Empty = the usual ones.",
    )
    states: str = Field(
        "",
        title="Words of states",
        description="One per line, such as `DELIVRD = delivered`: accepted, sent, delivered, read, failed. The usual ones are "
        "known.",
    )
    send_url: str = Field(
        "",
        title="Address to send by",
        description="Where a message is posted to. Empty = nothing is sent; for Twilio its usual address.",
    )
    check_url: str = Field(
        "",
        title="Address to check by",
        description="Answers with JSON to whoever is let in, such as the balance. Empty = the check asks nobody.",
    )
    auth: Auth = Field(
        Auth.BEARER, title="Proof of ours", description="none, bearer, basic or header. Twilio always takes basic."
    )
    user: str = Field(
        "",
        title="User",
        description="Of basic; for Twilio an API key's SID, or empty = the account SID.",
        max_length=200,
    )
    header_name: str = Field("X-Api-Key", title="Name of the header", description="Of the proof `header`.")
    encoding: Encoding = Field(Encoding.JSON, title="Sent as", description="json or form.")
    sends: str = Field(
        "",
        title="Fields that are sent",
        description='One per line, such as `message.body = text`, `ref = key` or `type = "plain"`; from, to, text, key, callback. '
        "Empty = from, to, text and reference = key.",
    )
    answer_id: str = Field(
        "", title="Id in the answer", description="Such as `data.message_id`. Empty = the usual names."
    )
    sender: str = Field(
        "",
        title="Sender",
        description="A number, a word, or Twilio's messaging service (MG...). Empty = the number that the customer wrote to.",
    )
    knows_repeats: bool = Field(
        default=False,
        title="Knows repeats",
        description="The gateway takes a message with the same Idempotency-Key only once, so one without an answer is sent again.",
    )
    media_hosts: str = Field(
        "",
        title="Hosts of files",
        description="Where pictures of messages may be fetched, one in each line. Empty = the host that is sent by.",
    )
    ca: str = Field(
        "", title="CA certificate", description="File that certificates are checked against; empty = the usual."
    )
    timeout_s: float = Field(
        20.0, title="Patience (seconds)", description="How long any answer may take.", gt=0, le=300
    )
    messages_per_minute: int = Field(
        60, title="Messages per minute", description="Sent by this account, at most.", ge=1, le=60_000
    )

    @field_validator("send_url", "check_url")
    @classmethod
    def _an_address(cls, value: str) -> str:
        value = value.strip()
        if value and not _ADDRESS.fullmatch(value):
            raise ValueError("must be an address that begins with https://")
        if value and not value.startswith("https://") and not _HERE.fullmatch(value):
            raise ValueError("a password goes there, so it needs https://")
        return value

    @field_validator("hook_url")
    @classmethod
    def _our_address(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not _ADDRESS.fullmatch(value.get_secret_value()):
            raise ValueError("must be an address that begins with https://")
        return value

    @model_validator(mode="after")
    def _makes_sense(self) -> "SmsSettings":
        if self.proved_by is not Proof.TOKEN and not self.secrets:
            raise ValueError("signing_secret: this proof needs a secret")
        if not _HEADER.fullmatch(self.header_name):
            raise ValueError("header_name: letters, digits and hyphens only")
        if self.sender and not _SENDER.fullmatch(self.sender):
            raise ValueError("sender: a number, or a word of letters and digits")
        for line in self.media_hosts.split():
            if not _HOST.fullmatch(line):
                raise ValueError(f"media_hosts: {line[:60]} is no host")
        for ours in _pairs(self.fields, "fields"):
            if ours not in FIELDS:
                raise ValueError(f"fields: {ours[:40]} is none of {', '.join(FIELDS)}")
        return self

    @model_validator(mode="after")
    def _says_what_is_sent(self) -> "SmsSettings":
        for given in _pairs(self.sends, "sends").values():
            if given not in _VALUES and constant_of(given) is None:
                raise ValueError(f"sends: {given[:40]} is none of {', '.join(sorted(_VALUES))}, nor a word in quotes")
        for theirs, ours in _pairs(self.states, "states").items():
            if ours not in set(Delivery):
                raise ValueError(f"states: {theirs[:40]} must be one of {', '.join(Delivery)}")
        return self

    @property
    def proved_by(self) -> Proof:
        """How calls prove themselves; whoever enters a secret wants it to be looked at."""
        if self.proof is not None:
            return self.proof
        if self.preset is Preset.TWILIO:
            return Proof.TWILIO
        return Proof.HMAC if self.signing_secret.get_secret_value() else Proof.TOKEN

    @property
    def secrets(self) -> tuple[str, ...]:
        """What they may be signed with, the present one first."""
        present = self.signing_secret.get_secret_value()
        if self.proved_by is Proof.TWILIO:
            present = present or self.password.get_secret_value()
        return tuple(one for one in (present, self.old_signing_secret.get_secret_value()) if one)

    @property
    def names(self) -> Mapping[str, tuple[str, ...]]:
        """What the parts of a message are called."""
        return {**FIELDS, **{ours: (theirs,) for ours, theirs in _pairs(self.fields, "fields").items()}}

    @property
    def words(self) -> Mapping[str, Delivery]:
        """What a state is called, in small letters."""
        own = {theirs.casefold(): Delivery(ours) for theirs, ours in _pairs(self.states, "states").items()}
        return {**STATES, **own}

    @property
    def template(self) -> Mapping[str, str]:
        """Name of a field that is sent -> what stands in it: one of ours, or a constant in quotes."""
        return _pairs(self.sends, "sends") or SENDS

    @property
    def base(self) -> str:
        """Where requests go; empty: nowhere."""
        return (self.send_url or (TWILIO if self.preset is Preset.TWILIO else "")).rstrip("/")

    @property
    def hosts(self) -> frozenset[str]:
        """Hosts that files are fetched from, with their ports where those are not the usual."""
        usual = {urlsplit(self.base).netloc.lower()} - {""}
        usual |= _TWILIO_FILES if self.preset is Preset.TWILIO else set()
        return frozenset(self.media_hosts.lower().split() or usual)


def constant_of(given: str) -> str | None:
    """Return a word that stands in quotes; None: it is none."""
    return given[1:-1] if len(given) >= 2 and given[0] == given[-1] == '"' else None


def _pairs(lines: str, what: str) -> dict[str, str]:
    found = {}
    for line in filter(None, (line.strip() for line in lines.splitlines())):
        name, equals, value = line.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise ValueError(f"{what}: {line[:60]} is no line such as `name = value`")
        found[name.strip()] = value.strip()
    return found
