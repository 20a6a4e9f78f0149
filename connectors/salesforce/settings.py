"""What the administrator tells us about one Salesforce org."""

import re
from typing import Literal

from pydantic import Field, SecretStr, model_validator

from hub.connector.contract import AccountSettings

_ADDRESS = r"^https?://[A-Za-z0-9.:\[\]-]+/?$"
_HERE = re.compile(r"^http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/|$)")  # a secret goes there, so elsewhere TLS


class SalesforceSettings(AccountSettings):
    """One org, as the user that the app runs as sees it."""

    base_url: str = Field(
        title="My Domain address",
        description="Such as https://acme.my.salesforce.com; of a sandbox its own.",
        pattern=_ADDRESS,
    )
    client_id: str = Field(title="Consumer key", description="Of the external client app.", min_length=1)
    client_secret: SecretStr = Field(title="Consumer secret", description="Of the external client app.")
    mark_field: str = Field(
        "Hub_Mark__c",
        title="Field for our mark",
        description="A text field of 80 letters on Contact, Lead or Opportunity (External ID, unique) and on Activity; what "
        "was written is found by it again.",
        pattern=r"^[A-Za-z][A-Za-z0-9_]{0,60}__c$",
    )
    lead_as: Literal["Lead", "Opportunity"] = Field(
        "Lead", title="Leads become", description="Lead, or an opportunity of a known contact."
    )
    lead_source: str = Field(
        "", title="Source of leads", description="One of Salesforce's options; empty: none.", max_length=40
    )
    lead_company: str = Field(
        "[not provided]",
        title="Company of leads",
        description="Salesforce wants one for each lead, and a form often asks for none.",
        min_length=1,
        max_length=255,
    )
    deal_stage: str = Field(
        "Prospecting", title="Stage of opportunities", description="The stage that they begin in.", max_length=40
    )
    deal_days: int = Field(
        30,
        title="Days until an opportunity closes",
        description="Salesforce wants a closing date for each.",
        ge=0,
        le=3_650,
    )
    open_status: str = Field(
        "Not Started", title="Status of open tasks", description="One of Salesforce's options.", max_length=40
    )
    done_status: str = Field(
        "Completed", title="Status of done tasks", description="One of Salesforce's options.", max_length=40
    )
    loose_phones: bool = Field(
        default=True,
        title="Compare numbers by their digits",
        description="Finds numbers that were written with spaces or dashes; slow where there are millions of contacts.",
    )
    api_version: str = Field(
        "v62.0",
        title="Version of the API",
        description="Winter 2025; any later one will do.",
        pattern=r"^v[0-9]{2}\.0$",
    )
    every_s: int = Field(
        180, title="Look every (seconds)", description="How often changes are asked for.", ge=10, le=86_400
    )
    full_every_h: int = Field(
        168,
        title="Read everything every (hours)",
        description="Salesforce tells for 15 days what was deleted; a pass from the beginning finds the rest.",
        ge=1,
        le=8_760,
    )
    overlap_min: int = Field(
        10,
        title="Overlap (minutes)",
        description="Every look goes back so much further: longer than the longest transaction takes.",
        ge=1,
        le=1_440,
    )
    page_size: int = Field(
        2_000, title="Records of a page", description="Salesforce takes 200 to 2,000.", ge=200, le=2_000
    )
    requests_per_minute: int = Field(
        300, title="Requests per minute", description="Of ours; Salesforce counts those of a day.", ge=1, le=1_000_000
    )
    day_reserve: int = Field(
        1_000,
        title="Kept of the day's requests",
        description="When no more than so many are left of the day, polling rests; what is written still is.",
        ge=0,
        le=1_000_000,
    )
    ca: str = Field(
        "", title="CA certificate", description="File that certificates are checked against; empty = the usual."
    )
    timeout_s: float = Field(
        30.0, title="Patience (seconds)", description="How long any answer may take.", gt=0, le=300
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> "SalesforceSettings":
        if not self.base_url.startswith("https://") and not _HERE.match(self.base_url):
            raise ValueError("base_url: the secret goes there, so it needs https://")
        return self

    @property
    def site(self) -> str:
        """The address without a slash at its end."""
        return self.base_url.rstrip("/")

    @property
    def data(self) -> str:
        """The path of the API in its version."""
        return f"/services/data/{self.api_version}"
