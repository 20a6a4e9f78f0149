"""What the administrator tells us about one organisation in Xero."""

import re

from pydantic import Field, SecretStr, model_validator

from hub.connector.contract import AccountSettings

# What may be read, and nothing more; `offline_access` lets us in when nobody is there. Apps that were made since March 2026
# get the finer scopes only. Source: https://developer.xero.com/documentation/guides/oauth2/scopes
OFFLINE = "offline_access"
BROAD = ("accounting.transactions.read", "accounting.contacts.read", "accounting.settings.read")
GRANULAR = (
    "accounting.invoices.read", "accounting.payments.read", "accounting.contacts.read", "accounting.settings.read",
)  # fmt: skip
_ADDRESS = r"^https?://[A-Za-z0-9.:\[\]-]+/?$"
_PAGE = r"^https?://[A-Za-z0-9.:\[\]/_-]+$"
_TENANT = r"^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})?$"
_HERE = re.compile(r"^http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/|$)")  # a simulator may do without TLS


class XeroSettings(AccountSettings):
    """One organisation in Xero, which one app may read."""

    client_id: str = Field("", title="Client id", description="Of your own app at developer.xero.com.")
    client_secret: SecretStr = Field(
        SecretStr(""),
        title="Client secret",
        description="Of the app; empty for an app of the kind Auth code with PKCE.",
    )
    refresh_token: SecretStr = Field(
        SecretStr(""), title="Refresh token", description="Only from the command line; on pages, consent gives it."
    )
    address: str = Field(
        "",
        title="Connected organisation",
        description="Its tenant id; filled in by itself after consent.",
        pattern=_TENANT,
    )
    tenant: str = Field(
        "",
        title="Tenant id",
        description="Only where the app is connected to several organisations: which one this account reads.",
        pattern=_TENANT,
    )
    granular_scopes: bool = Field(
        default=False,
        title="Granular scopes",
        description="For apps made since March 2026: ask for accounting.invoices.read and accounting.payments.read.",
    )
    webhook_key: SecretStr = Field(
        SecretStr(""), title="Webhook key", description="Of the app's page Webhooks; empty: changes are only polled."
    )
    every_s: int = Field(
        900,
        title="Look every (seconds)",
        description="How often invoices, credit notes, payments and contacts are asked for; the rest a quarter as often.",
        ge=60,
        le=86_400,
    )
    # Source: https://developer.xero.com/documentation/guides/oauth2/limits
    requests_per_minute: int = Field(
        60, title="Requests per minute", description="Xero allows 60 for each organisation.", ge=1, le=1_000_000
    )
    day_reserve: int = Field(
        200,
        title="Kept of the day's requests",
        description="When no more than so many are left of the day's 5,000 (1,000 in the smallest plan), polling rests; "
        "what a person waits for is still asked.",
        ge=0,
        le=5_000,
    )
    link_url: str = Field(
        "https://go.xero.com/app",
        title="Address of Xero's pages",
        description="Where links to the originals lead; the organisation's short code comes behind it.",
        pattern=_PAGE,
    )
    base_url: str = Field(
        "https://api.xero.com", title="Address of the API", description="Change it for tests only.", pattern=_ADDRESS
    )
    identity_url: str = Field(
        "https://identity.xero.com",
        title="Address of the token service",
        description="Change it for tests only.",
        pattern=_ADDRESS,
    )
    authorize_url: str = Field(
        "https://login.xero.com/identity/connect/authorize",
        title="Address of sign-in",
        description="Change it for tests only.",
        pattern=_PAGE,
    )
    ca: str = Field(
        "", title="CA certificate", description="File that certificates are checked against; empty = the usual."
    )
    timeout_s: float = Field(
        30.0, title="Patience (seconds)", description="How long any answer may take.", gt=0, le=300
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> "XeroSettings":
        for name in ("base_url", "identity_url", "authorize_url"):
            address = getattr(self, name)
            if not address.startswith("https://") and not _HERE.match(address):
                raise ValueError(f"{name}: tokens go there, so it needs https://")
        if self.tenant and self.address and self.tenant.lower() != self.address.lower():
            raise ValueError("tenant: another organisation is connected; add an account of its own for this one")
        return self

    @property
    def wanted_tenant(self) -> str:
        """The organisation as far as the settings know; empty: the only one that the app is connected to."""
        return (self.tenant or self.address).lower()

    @property
    def permissions(self) -> tuple[str, ...]:
        """What consent is asked for."""
        return GRANULAR if self.granular_scopes else BROAD

    @property
    def api(self) -> str:
        return f"{self.base_url.rstrip('/')}/api.xro/2.0"

    @property
    def token_url(self) -> str:
        return f"{self.identity_url.rstrip('/')}/connect/token"
