"""What the administrator tells us about one QuickBooks company."""

from pydantic import Field, SecretStr, model_validator

from hub.connector.contract import AccountSettings

# There is no narrower one, and it may write too: that nothing is written, `client.Reads` sees to.
# Source: https://developer.intuit.com/app/developer/qbo/docs/learn/scopes
SCOPE = "com.intuit.quickbooks.accounting"
LINK = "https://app.qbo.intuit.com/app/{page}?{parameter}={id}"
_ADDRESS = r"^https?://[^\s?#]+$"


class QuickBooksSettings(AccountSettings):
    """One company of QuickBooks Online, which somebody connected."""

    client_id: str = Field(
        "", title="Client id", description="Of your own app at developer.intuit.com, Keys and credentials."
    )
    client_secret: SecretStr = Field(SecretStr(""), title="Client secret", description="Shown beside the client id.")
    verifier_token: SecretStr = Field(
        SecretStr(""),
        title="Webhooks verifier token",
        description="Shown on the app's Webhooks page; empty = changes are only polled.",
    )
    address: str = Field(
        "", title="Company", description="Its number (realm id); filled in by itself after consent.", pattern=r"^\d*$"
    )
    realm: str = Field(
        "", title="Realm id", description="Only from the command line; on pages, consent gives it.", pattern=r"^\d*$"
    )
    refresh_token: SecretStr = Field(
        SecretStr(""), title="Refresh token", description="Only from the command line; on pages, consent gives it."
    )
    suppliers: bool = Field(
        default=True,
        title="Suppliers",
        description="Bills, vendor credits, purchase orders and what was paid to suppliers.",
    )
    link: str = Field(
        LINK,
        title="Links to QuickBooks",
        description="Where a document is shown there; {page}, {parameter} and {id} are filled in.",
    )
    every_s: int = Field(
        300, title="Look every (seconds)", description="How often QuickBooks is asked what changed.", ge=10, le=3600
    )
    base_url: str = Field(
        "https://quickbooks.api.intuit.com",
        title="Address of the API",
        description="Of a sandbox company: https://sandbox-quickbooks.api.intuit.com",
        pattern=_ADDRESS,
    )
    authorize_url: str = Field(
        "https://appcenter.intuit.com/connect/oauth2",
        title="Address of the page of consent",
        description="For a test server; of Intuit's sandbox it is the same.",
        pattern=_ADDRESS,
    )
    identity_url: str = Field(
        "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer",
        title="Address of the token service",
        description="For a test server; of Intuit's sandbox it is the same.",
        pattern=_ADDRESS,
    )
    ca: str = Field(
        "", title="CA certificate", description="File that certificates are checked against; empty = the usual."
    )
    timeout_s: float = Field(
        60.0, title="Patience (seconds)", description="How long any answer may take.", gt=0, le=300
    )
    # Source: https://developer.intuit.com/app/developer/qbo/docs/learn/rest-api-features#limits-and-throttles
    requests_per_minute: int = Field(
        500, title="Requests per minute", description="That Intuit allows for one company.", ge=10
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> "QuickBooksSettings":
        try:
            self.url_of("invoice", "txnId", "1")
        except (KeyError, IndexError, ValueError):
            raise ValueError("link: only {page}, {parameter} and {id} are filled in") from None
        if self.realm and self.address and self.realm != self.address:
            raise ValueError("realm: it is another company than the one that was connected")
        return self

    @property
    def company(self) -> str:
        """The realm id; empty before somebody connected a company."""
        return self.address or self.realm

    def url_of(self, page: str, parameter: str, remote_id: str) -> str:
        """Return where something is shown in QuickBooks, such as `invoice`, `txnId`, 17."""
        return self.link.format(page=page, parameter=parameter, id=remote_id)
