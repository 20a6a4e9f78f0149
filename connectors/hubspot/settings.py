"""What the administrator tells us about one HubSpot account."""

import re
from datetime import timedelta

from pydantic import Field, SecretStr, model_validator

from hub.connector.contract import AccountSettings

LEAD, DEAL = "lead", "deal"
_ADDRESS = r"^https?://[A-Za-z0-9.:\[\]-]+/?$"
_HERE = re.compile(r"^http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/|$)")  # a simulator may do without TLS


class HubSpotSettings(AccountSettings):
    """One HubSpot account, and the token of a private app in it."""

    access_token: SecretStr = Field(
        title="Access token", description="Of a private app, with the scopes of the README.", min_length=1
    )
    portal: str = Field(
        title="Hub ID", description="The account's number, as HubSpot shows it beside its name.", pattern=r"^\d{1,15}$"
    )
    contacts: bool = Field(default=True, title="Contacts", description="People become contacts.")
    companies: bool = Field(default=True, title="Companies", description="Companies become contacts too.")
    tasks: bool = Field(default=True, title="Tasks", description="Tasks are read.")
    leads_as: str = Field(
        LEAD,
        title="Leads become",
        description="lead (needs Sales Hub Professional or more, and a contact) or deal (every plan).",
        pattern="^(lead|deal)$",
    )
    deal_pipeline: str = Field("default", title="Pipeline", description="Internal name, of new deals.", max_length=100)
    deal_stage: str = Field(
        "appointmentscheduled", title="Stage", description="Internal name, where new deals begin.", max_length=100
    )
    message_channel: str = Field(
        "SMS",
        title="Channel of messages",
        description="What HubSpot calls them: SMS, WHATS_APP or LINKEDIN_MESSAGE.",
        pattern="^(SMS|WHATS_APP|LINKEDIN_MESSAGE)$",
    )
    key_property: str = Field(
        "hub_key",
        title="Property of our key",
        description="Internal name of the unique property that the hub makes, so that nothing is written twice.",
        pattern=r"^[a-z][a-z0-9_]{1,49}$",
    )
    every_s: int = Field(
        300, title="Look every (seconds)", description="How often changes are asked for.", ge=30, le=86_400
    )
    # A search shows a change only after moments that HubSpot does not number.
    overlap_min: int = Field(10, title="Overlap (minutes)", description="Every look goes back this far.", ge=1, le=1440)
    archive_every_min: int = Field(
        30,
        title="Deleted records (minutes)",
        description="How often the list of deleted records is read.",
        ge=1,
        le=1440,
    )
    full_every_days: int = Field(7, title="Whole pass (days)", description="How often everything is read.", ge=1, le=90)
    # Source: https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines
    requests_per_minute: int = Field(
        540, title="Requests per minute", description="HubSpot allows 100 in ten seconds at least.", ge=10, le=100_000
    )
    searches_per_minute: int = Field(
        200, title="Searches per minute", description="HubSpot allows 5 in a second for all programs.", ge=10, le=10_000
    )
    pages_url: str = Field(
        "https://app.hubspot.com",
        title="Address for people",
        description="Where links lead; in Europe https://app-eu1.hubspot.com.",
        pattern=_ADDRESS,
    )
    base_url: str = Field(
        "https://api.hubapi.com", title="Address of the API", description="Change it for tests only.", pattern=_ADDRESS
    )
    ca: str = Field(
        "", title="CA certificate", description="File that certificates are checked against; empty = the usual."
    )
    timeout_s: float = Field(
        30.0, title="Patience (seconds)", description="How long any answer may take.", gt=0, le=300
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> "HubSpotSettings":
        if not self.base_url.startswith("https://") and not _HERE.match(self.base_url):
            raise ValueError("base_url: the token goes there, so it needs https://")
        token = self.access_token.get_secret_value()
        if not token.isascii() or not token.isprintable() or " " in token:
            raise ValueError("access_token: it has signs that no token has")
        return self

    def pages_of(self, number: str) -> str:
        """Return where people open objects of a kind, by HubSpot's number of it."""
        return f"{self.pages_url.rstrip('/')}/contacts/{self.portal}/record/{number}"

    @property
    def overlap(self) -> timedelta:
        return timedelta(minutes=self.overlap_min)
