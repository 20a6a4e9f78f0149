"""What the administrator tells us about one WhatsApp Business account and the app that speaks for it."""

import re

from pydantic import Field, SecretStr, model_validator

from hub.connector.contract import AccountSettings

# Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/get-started
MESSAGING = "whatsapp_business_messaging"  # to send, and to fetch files
MANAGEMENT = "whatsapp_business_management"  # to see numbers, and whether webhooks are on
PERMISSIONS = (MESSAGING, MANAGEMENT)
_ADDRESS = r"^https?://[A-Za-z0-9.:\[\]-]+/?$"
_ID = re.compile(r"[0-9]{1,32}")
_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?")
_HERE = re.compile(r"^http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?/?$")  # the simulator needs no TLS


class WhatsAppSettings(AccountSettings):
    """One WhatsApp Business account with its numbers."""

    app_id: str = Field(title="App id", description="Of your own app at developers.facebook.com.", pattern=r"^\d*$")
    app_secret: SecretStr = Field(title="App secret", description="App settings, Basic. Webhooks are signed with it.")
    verify_token: SecretStr = Field(
        title="Verify token",
        description="Any word of your own; enter the same at Meta beside the callback's address.",
    )
    token: SecretStr = Field(
        title="System user token",
        description="Of a system user who may use the WhatsApp Business account; choose one that never expires.",
    )
    business_id: str = Field(
        title="WhatsApp Business account", description="Its id, a number; WhatsApp Manager shows it.", pattern=r"^\d*$"
    )
    old_app_secret: SecretStr = Field(
        SecretStr(""),
        title="App secret before",
        description="While it is being changed: webhooks signed with it are still believed. Empty it afterwards.",
    )
    numbers: str = Field(
        "",
        title="Numbers",
        description="Phone number ids (not the numbers), one in each line; empty = all of the account. Messages of others "
        "are kept aside.",
    )
    # Source: https://developers.facebook.com/docs/graph-api/changelog/versions
    version: str = Field(
        "v26.0",
        title="Version of the API",
        description="Pinned: Meta ends each after about two years.",
        pattern=r"^v\d{1,3}\.\d{1,2}$",
    )
    base_url: str = Field(
        "https://graph.facebook.com",
        title="Address of the Graph API",
        description="Change it for tests only.",
        pattern=_ADDRESS,
    )
    media_hosts: str = Field(
        "lookaside.fbsbx.com",
        title="Hosts of files",
        description="Where pictures and files of messages lie, one in each line. The token goes there, so no other is asked.",
    )
    ca: str = Field(
        "", title="CA certificate", description="File that certificates are checked against; empty = the usual."
    )
    timeout_s: float = Field(
        30.0, title="Patience (seconds)", description="How long any answer may take.", gt=0, le=300
    )
    # Meta allows 80 messages a second for each number; ours is a seat belt against a fault of our own.
    messages_per_minute: int = Field(
        600, title="Messages per minute", description="Sent from each number, at most.", ge=1, le=60_000
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> "WhatsAppSettings":
        for line in self.numbers.split():
            if not _ID.fullmatch(line):
                raise ValueError(f"numbers: {line[:40]} is no id; ids are numbers without +, one in each line")
        for line in self.media_hosts.split():
            if not _HOST.fullmatch(line):
                raise ValueError(f"media_hosts: {line[:60]} is no host, such as lookaside.fbsbx.com")
        if not self.base_url.startswith("https://") and not _HERE.match(self.base_url):
            raise ValueError("base_url: tokens go there, so it needs https://")
        return self

    def wants(self, business: str, number: str) -> bool:
        """Say whether a number of a business account is ours; either is empty where it is not known."""
        if self.numbers.strip():
            return number in self.numbers.split()
        return not self.business_id or not business or business == self.business_id

    @property
    def hosts(self) -> frozenset[str]:
        """Hosts that files are fetched from, with their ports where those are not the usual."""
        return frozenset(self.media_hosts.lower().split())

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """What webhooks may be signed with: the present secret, and the one before while it is being changed."""
        given = (self.app_secret.get_secret_value(), self.old_app_secret.get_secret_value())
        return tuple(one.encode() for one in given if one)

    @property
    def base(self) -> str:
        """Where requests go: the pinned version of the API."""
        return f"{self.base_url.rstrip('/')}/{self.version}"
