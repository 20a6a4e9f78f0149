"""What the administrator tells us about one Odoo database."""

import ipaddress
from datetime import timedelta
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from hub.connector.contract import AccountSettings
from hub.connector.crm import KINDS

AUTO, JSON2, JSONRPC, XMLRPC = "auto", "json2", "jsonrpc", "xmlrpc"
_ADDRESS = r"^https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*)?$"
# Names that no certificate authority signs for: what is asked there stays in the house.
_OWN_NAMES = (".local", ".lan", ".internal", ".home.arpa", ".localhost")


class OdooSettings(AccountSettings):
    """One database of one Odoo server, and the key of a user who may only read."""

    base_url: str = Field(
        title="Address", description="Of the server, such as https://erp.example.com.", pattern=_ADDRESS
    )
    database: str = Field(
        "",
        title="Database",
        description="Its name; empty only where the server has a single one and is Odoo 19 or newer.",
        pattern=r"^[^\r\n]{0,120}$",
    )
    api_key: SecretStr = Field(
        SecretStr(""),
        title="API key",
        description="Of a user of its own with the group Accounting / Read-only and nothing more (My Preferences, Security).",
    )
    username: str = Field(
        "", title="User name", description="Only for Odoo 18 and older: whose key it is, as the user signs in."
    )
    protocol: str = Field(
        AUTO,
        title="Protocol",
        description="auto, json2 (Odoo 19 and newer), jsonrpc or xmlrpc (older).",
        pattern="^(auto|json2|jsonrpc|xmlrpc)$",
    )
    companies_off: str = Field(
        "",
        title="Companies that are not read",
        description="Ids, one in each line; the self-check names them.",
    )
    contacts: bool = Field(default=True, title="Contacts", description="Customers and suppliers become contacts.")
    quotes: bool = Field(default=True, title="Quotes", description="Sale orders that nobody has confirmed yet.")
    orders: bool = Field(default=True, title="Orders", description="Confirmed sale orders.")
    purchases: bool = Field(default=True, title="Purchases", description="Purchase orders and requests for quotation.")
    deliveries: bool = Field(
        default=False, title="Deliveries", description="Delivery and return notes; needs the Inventory app."
    )
    writes: bool = Field(
        default=False,
        title="Write to it, as to a CRM",
        description="What happened becomes notes of partners, leads and activities; the key's user then needs the right.",
    )
    tasks: bool = Field(
        default=False, title="Activities", description="Activities of contacts become tasks, and end on both sides."
    )
    as_activities: str = Field(
        "",
        title="Kinds that become activities",
        description="call, email, meeting, message, note, document or payment, one in each line; all others become notes.",
        pattern=r"^[a-z\s]{0,200}$",
    )
    leads_as: str = Field(
        "lead",
        title="Leads become",
        description="lead or opportunity; both need the app CRM.",
        pattern="^(lead|opportunity)$",
    )
    hook_secret: SecretStr = Field(
        SecretStr(""),
        title="Secret of webhooks",
        description="What Odoo's automation rules show us; filled in when they are made. Without it, changes are only polled for.",
    )
    link_base: str = Field(
        "",
        title="Address for people",
        description="Where links to documents lead, if people open Odoo at another address.",
        pattern=rf"^$|{_ADDRESS}",
    )
    # A change is dated when its transaction began and seen when it ended, so it may come this late.
    overlap_min: int = Field(
        10,
        title="Overlap (minutes)",
        description="Every look goes back this far: longer than the longest posting or import takes.",
        ge=1,
        le=1440,
    )
    every_s: int = Field(60, title="Look every (seconds)", description="How often Odoo is asked.", ge=5, le=86_400)
    page_size: int = Field(
        500, title="Records of a page", description="Fewer make each request shorter.", ge=1, le=2000
    )
    ca: str = Field(
        "", title="CA certificate", description="File that certificates are checked against; empty = the usual."
    )
    timeout_s: float = Field(
        60.0, title="Patience (seconds)", description="How long any answer may take.", gt=0, le=600
    )
    # Odoo has no limit of its own; its workers are few, and people wait for them too.
    calls_per_minute: int = Field(
        600, title="Calls per minute", description="Requests to this database at most.", ge=10, le=100_000
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> "OdooSettings":
        if not self.base_url.startswith("https://") and not is_own(urlsplit(self.base_url).hostname or ""):
            raise ValueError("base_url: the key goes there, so it needs https://")
        if any(not one.isdecimal() for one in self.companies_off.split()):
            raise ValueError("companies_off: ids are numbers, one in each line")
        if unknown := self.activity_kinds - set(KINDS):
            raise ValueError(f"as_activities: there is no kind {min(unknown)!r}")
        if self.protocol in {JSONRPC, XMLRPC} and not (self.username and self.database):
            raise ValueError("username and database are needed for Odoo 18 and older")
        return self

    @property
    def base(self) -> str:
        """Where requests go."""
        return self.base_url.rstrip("/")

    @property
    def links(self) -> str:
        """Where people go."""
        return (self.link_base or self.base_url).rstrip("/")

    @property
    def unwanted_companies(self) -> tuple[int, ...]:
        """Ids of companies that are left out."""
        return tuple(sorted({int(one) for one in self.companies_off.split()}))

    @property
    def activity_kinds(self) -> frozenset[str]:
        """Kinds of what happened that become activities."""
        return frozenset(self.as_activities.split())

    @property
    def overlap(self) -> timedelta:
        return timedelta(minutes=self.overlap_min)


def is_own(host: str) -> bool:
    """Say whether a host is in our own house: a private address, or a name that only the house knows."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(_OWN_NAMES)
    return address.is_private or address.is_loopback
