"""What the administrator tells us about one Facebook app and the pages whose leads are read."""

import re

from pydantic import Field, SecretStr, model_validator

from hub.connector.contract import AccountSettings

# What Meta wants for reading leads with their campaigns, and for telling us of new ones.
# Sources: https://developers.facebook.com/docs/marketing-api/guides/lead-ads/retrieving,
# https://developers.facebook.com/docs/graph-api/webhooks/getting-started/webhooks-for-leadgen
LEADS = "leads_retrieval"
PAGES = "pages_show_list"
ENGAGEMENT = "pages_read_engagement"
PAGE_ADS = "pages_manage_ads"
METADATA = "pages_manage_metadata"
ADS = "ads_management"
SPEND = "ads_read"  # only where the spend of ad accounts is read
PERMISSIONS = (LEADS, PAGES, ENGAGEMENT, PAGE_ADS, METADATA, ADS)
_ADDRESS = r"^https?://[A-Za-z0-9.:\[\]-]+/?$"
_ID = re.compile(r"\d{1,32}")
_HERE = re.compile(r"^http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?/?$")  # the simulator needs no TLS


class FacebookSettings(AccountSettings):
    """One Facebook app, and the pages that one person or one system user lets it read."""

    app_id: str = Field("", title="App id", description="Of your own app at developers.facebook.com.", pattern=r"^\d*$")
    app_secret: SecretStr = Field(SecretStr(""), title="App secret", description="App settings, Basic.")
    old_app_secret: SecretStr = Field(
        SecretStr(""),
        title="App secret before",
        description="While it is being changed: webhooks signed with it are still believed. Empty it afterwards.",
    )
    verify_token: SecretStr = Field(
        SecretStr(""),
        title="Verify token",
        description="Any word of your own; Meta shows it when it asks whether the webhook's address is ours.",
    )
    token: SecretStr = Field(
        SecretStr(""),
        title="System user token",
        description="Instead of Connect: a token of a system user (recommended).",
    )
    address: str = Field("", title="Person", description="Facebook's id of who connected; filled in by itself.")
    pages: str = Field(
        "",
        title="Pages",
        description="Ids of pages, one in each line; empty = all that the person or system user may manage.",
    )
    forms_off: str = Field(
        "",
        title="Forms that are not read",
        description="Ids, one in each line; kept by the switches of the page What is read.",
    )
    config_id: str = Field(
        "",
        title="Login configuration",
        description="Only of apps with Facebook Login for Business: the id of a configuration with these permissions.",
        pattern=r"^\d*$",
    )
    ad_accounts: str = Field(
        "", title="Ad accounts", description="Ids, one in each line, whose daily spend is read; empty = none."
    )
    canary_form: str = Field(
        "",
        title="Form of the daily test",
        description="Id of a form that gets a test lead once a day, which must arrive within a minute; empty = none.",
        pattern=r"^\d*$",
    )
    dataset_id: str = Field(
        "",
        title="Dataset",
        description="Conversions API: where stages of leads are reported to; empty = nowhere.",
        pattern=r"^\d*$",
    )
    consent_box: str = Field(
        "",
        title="Box for feedback",
        description="Key of the box that must be ticked before stages of a lead are reported; empty = every box of its form, "
        "and at least one.",
    )
    test_event_code: str = Field(
        "",
        title="Test event code",
        description="Only while testing: stages go to the test page of Meta's Events Manager, and count nowhere.",
        pattern=r"^[A-Za-z0-9]*$",
    )
    # Source: https://developers.facebook.com/docs/graph-api/changelog/versions
    version: str = Field(
        "v26.0",
        title="Version of the API",
        description="Pinned; the self-check warns before Meta ends it.",
        pattern=r"^v\d{1,3}\.\d{1,2}$",
    )
    graph_url: str = Field(
        "https://graph.facebook.com",
        title="Address of the Graph API",
        description="Change it for tests only.",
        pattern=_ADDRESS,
    )
    dialog_url: str = Field(
        "https://www.facebook.com",
        title="Address of sign-in",
        description="Change it for tests only.",
        pattern=_ADDRESS,
    )
    ca: str = Field(
        "", title="CA certificate", description="File that certificates are checked against; empty = the usual."
    )
    timeout_s: float = Field(
        30.0, title="Patience (seconds)", description="How long any answer may take.", gt=0, le=300
    )
    # Meta's own limit grows with the page's leads, and is heeded as its answers tell it; this one is our seat belt.
    calls_per_minute: int = Field(
        3_000,
        title="Calls per minute and page",
        description="A lead that is fetched by its id counts as one call. Meta allows 4,800 in 24 hours for each lead of the last 90 days.",
        ge=10,
        le=1_000_000,
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> "FacebookSettings":
        for name, listed in (("pages", self.pages), ("forms_off", self.forms_off), ("ad_accounts", self.ad_accounts)):
            for line in listed.split():
                if not _ID.fullmatch(line.removeprefix("act_")):
                    raise ValueError(f"{name}: {line[:40]} is no id; ids are numbers, one in each line")
        for name, address in (("graph_url", self.graph_url), ("dialog_url", self.dialog_url)):
            if not address.startswith("https://") and not _HERE.match(address):
                raise ValueError(f"{name}: tokens go there, so it needs https://")
        return self

    @property
    def wanted_pages(self) -> tuple[str, ...]:
        """The pages that are named; empty: all."""
        return tuple(dict.fromkeys(self.pages.split()))

    @property
    def wanted_ad_accounts(self) -> tuple[str, ...]:
        """The ad accounts whose spend is read, each as `act_…`."""
        return tuple(dict.fromkeys(f"act_{one.removeprefix('act_')}" for one in self.ad_accounts.split()))

    @property
    def permissions(self) -> tuple[str, ...]:
        """What must be granted for what is set."""
        return (*PERMISSIONS, SPEND) if self.wanted_ad_accounts else PERMISSIONS

    @property
    def unwanted_forms(self) -> tuple[str, ...]:
        """The forms that a person switched off."""
        return tuple(dict.fromkeys(self.forms_off.split()))

    def wants(self, page: str) -> bool:
        """Say whether a page's leads are for this account, as far as the settings know."""
        return not self.pages.strip() or page in self.wanted_pages

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """What webhooks may be signed with: the present secret, and the one before while it is being changed."""
        given = (self.app_secret.get_secret_value(), self.old_app_secret.get_secret_value())
        return tuple(one.encode() for one in given if one)

    @property
    def base(self) -> str:
        """Where requests go: the pinned version of the API."""
        return f"{self.graph_url.rstrip('/')}/{self.version}"
