"""What the administrator tells us about one Microsoft 365 account, or about a whole organisation."""

from datetime import datetime

from pydantic import Field, SecretStr, model_validator

from hub.connector.contract import AccountSettings
from hub.connector.key_pair import key_pair

# Source: https://learn.microsoft.com/graph/permissions-reference
MAIL = "Mail.ReadWrite"
SEND = "Mail.Send"
CALENDAR = "Calendars.ReadWrite"
SHARED = "Calendars.ReadWrite.Shared"  # calendars of others that a person was given
CONTACTS = "Contacts.ReadWrite"
# Which OpenID wants, and what says whose account it is.
IDENTITY = ("openid", "profile", "offline_access", "User.Read")
_ADDRESS = r"^https://[A-Za-z0-9.:\[\]-]+/?$"


class MicrosoftSettings(AccountSettings):
    """One mailbox by consent, or mailboxes of an organisation by an app's own certificate or secret."""

    tenant: str = Field(
        "organizations",
        title="Tenant",
        description="Directory (tenant) id or domain for an app of one organisation; organizations or common for one of several.",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,99}$",
    )
    client_id: str = Field("", title="Application id", description="Of your own app registration in Entra.")
    client_secret: SecretStr = Field(
        SecretStr(""), title="Client secret", description="Its value, not its id; empty where a certificate is used."
    )
    certificate: SecretStr = Field(
        SecretStr(""),
        title="Certificate",
        description="Private key and certificate, both PEM, instead of a secret; the certificate is uploaded to the app.",
    )
    app_only: bool = Field(
        default=False,
        title="All mailboxes, without consent",
        description="The app asks for itself, by application permissions; limit it by RBAC for Applications.",
    )
    refresh_token: SecretStr = Field(
        SecretStr(""), title="Refresh token", description="Only from the command line; on pages, consent gives it."
    )
    address: str = Field("", title="Mailbox", description="Whose account it is; filled in by itself after consent.")
    mailboxes: str = Field(
        "", title="Mailboxes", description="Without consent: addresses, one in each line, that are read."
    )
    mail: bool = Field(default=True, title="Mail", description="Mail with customers goes to their timelines.")
    visibility: str = Field(
        "",
        title="Who reads the mail",
        description="all, metadata (others see that and with whom) or owner; empty = all.",
        pattern="^(all|metadata|owner)?$",
    )
    calendar: bool = Field(default=True, title="Calendar", description="Meetings with customers go to their timelines.")
    contacts: bool = Field(
        default=True, title="Contacts", description="Contacts become customers and follow their changes."
    )
    contacts_back: bool = Field(
        default=False,
        title="Write contacts back",
        description="What changes in the hub from now on is also changed in these contacts; none is ever deleted.",
    )
    contact_categories: str = Field(
        "",
        title="Contact categories",
        description="Names of Outlook's categories, one in each line: only contacts that have one of them; empty = all.",
    )
    calendars: str = Field(
        "", title="Calendars", description="Ids, one in each line; empty = the main calendar of each mailbox."
    )
    writable_calendars: str = Field(
        "primary",
        title="Calendars written to",
        description="Ids, one in each line; meetings made in the hub go to the first that is read; empty = none is written.",
    )
    every_s: int = Field(
        300, title="Look every (seconds)", description="How often Microsoft is asked what changed.", ge=10, le=3600
    )
    graph_url: str = Field(
        "https://graph.microsoft.com",
        title="Address of Graph",
        description="Of a national cloud, such as https://graph.microsoft.us or https://microsoftgraph.chinacloudapi.cn.",
        pattern=_ADDRESS,
    )
    authority_url: str = Field(
        "https://login.microsoftonline.com",
        title="Address of sign-in",
        description="Of a national cloud, such as https://login.microsoftonline.us or https://login.partner.microsoftonline.cn.",
        pattern=_ADDRESS,
    )
    ca: str = Field(
        "", title="CA certificate", description="File that certificates are checked against; empty = the usual."
    )
    timeout_s: float = Field(
        30.0, title="Patience (seconds)", description="How long any answer may take.", gt=0, le=300
    )
    # Source: https://learn.microsoft.com/graph/throttling-limits#outlook-service-limits
    requests_per_minute: int = Field(
        1_000, title="Requests per minute and mailbox", description="Microsoft allows 10,000 in 10 minutes.", ge=10
    )
    subscription_minutes: int = Field(
        10_080,
        title="Life of notifications (minutes)",
        description="How long Graph lets a subscription to mail, events or contacts live; it is renewed before.",
        ge=45,
        le=10_080,
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> "MicrosoftSettings":
        if self.app_only and not self.wanted_mailboxes:
            raise ValueError("mailboxes: say which mailboxes the app reads, one in each line")
        if self.app_only and self.tenant.lower() in {"organizations", "common", "consumers"}:
            raise ValueError("tenant: an app that asks for itself needs the id or the domain of its organisation")
        if self.client_secret.get_secret_value() and self.certificate.get_secret_value():
            raise ValueError("certificate: enter a secret or a certificate, not both")
        if pem := self.certificate.get_secret_value():
            _check_pair(pem)
        return self

    @property
    def wanted_mailboxes(self) -> tuple[str, ...]:
        """Whose data is read; with consent there is one, and before it none is known."""
        listed = tuple(dict.fromkeys(line.strip().lower() for line in self.mailboxes.splitlines() if line.strip()))
        return listed if self.app_only else (self.address.strip().lower(),)

    @property
    def wanted_calendars(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(line.strip() for line in self.calendars.splitlines() if line.strip())) or (
            "primary",
        )

    @property
    def calendars_written(self) -> tuple[str, ...]:
        """The calendars that the hub may write to; one that is not read is not among them."""
        listed = dict.fromkeys(line.strip() for line in self.writable_calendars.splitlines() if line.strip())
        return tuple(one for one in listed if one in self.wanted_calendars)

    @property
    def listed_categories(self) -> tuple[str, ...]:
        """The categories of contacts as they are written; a contact that the hub makes gets the first."""
        return tuple(dict.fromkeys(line.strip() for line in self.contact_categories.splitlines() if line.strip()))

    @property
    def wanted_categories(self) -> frozenset[str]:
        return frozenset(one.casefold() for one in self.listed_categories)

    @property
    def permissions(self) -> tuple[str, ...]:
        """What consent is asked for, without those of OpenID."""
        wanted = {
            MAIL: self.mail,
            SEND: self.mail,
            CALENDAR: self.calendar,
            SHARED: self.calendar and self.wanted_calendars != ("primary",),
            CONTACTS: self.contacts,
        }
        return tuple(name for name, is_wanted in wanted.items() if is_wanted)

    @property
    def secrets(self) -> tuple[str, str]:
        """What the app proves itself with: secret and certificate, one of them empty."""
        return self.client_secret.get_secret_value(), self.certificate.get_secret_value()

    @property
    def credential(self) -> str | dict[str, str]:
        """The same as msal wants it.

        Source: https://learn.microsoft.com/entra/msal/python/advanced/client-credentials
        """
        secret, pem = self.secrets
        if not pem:
            return secret
        pair = key_pair(pem)  # msal takes the thumbprint from the certificate, and sends the certificate along
        return {"private_key": pair.key, "public_certificate": pair.certificate}

    @property
    def certificate_ends_at(self) -> datetime | None:
        """When the certificate runs out; None where a secret is used."""
        _, pem = self.secrets
        return key_pair(pem).ends_at if pem else None


def _check_pair(pem: str) -> None:
    try:
        key_pair(pem)
    except ValueError as error:
        raise ValueError(f"certificate: {error}") from None
