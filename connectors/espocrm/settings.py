"""What the administrator tells us about one EspoCRM."""

import re
from typing import Literal

from pydantic import Field, SecretStr, model_validator

from hub.connector.contract import AccountSettings

_ADDRESS = r"^https?://[A-Za-z0-9.:\[\]/_-]+$"
_HERE = re.compile(r"^http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/|$)")  # a key goes there, so elsewhere TLS


class EspoSettings(AccountSettings):
    """One EspoCRM, as one of its API users sees it."""

    base_url: str = Field(
        title="Address of EspoCRM", description="As people open it, without /api/v1.", pattern=_ADDRESS
    )
    api_key: SecretStr = Field(
        title="API key",
        description="Of an API user with the authentication method API Key (Administration, API Users).",
    )
    mark_field: str = Field(
        "",
        title="Field for our mark",
        description="Name of a varchar field, such as cHubMark, made for Contact, Call, Meeting, Lead or Opportunity, and "
        "Task; what was written is found by it again. Empty: the mark is the last line of the description.",
        pattern=r"^([a-zA-Z][a-zA-Z0-9]{0,60})?$",
    )
    others_as: Literal["Note", "Meeting"] = Field(
        "Note",
        title="Mails, messages and notes become",
        description="Note: a post in the stream of the customer. Meeting: a held meeting, where posts cannot be searched.",
    )
    lead_as: Literal["Lead", "Opportunity"] = Field(
        "Lead", title="Leads become", description="Lead, or an opportunity of a known contact."
    )
    lead_source: str = Field(
        "",
        title="Source of leads",
        description="One of the options of the field Source in EspoCRM; empty: the field stays empty.",
        max_length=100,
    )
    deal_stage: str = Field(
        "Prospecting", title="Stage of opportunities", description="The stage that they begin in.", max_length=100
    )
    deal_days: int = Field(
        30,
        title="Days until an opportunity closes",
        description="EspoCRM wants a closing date for each.",
        ge=0,
        le=3_650,
    )
    numeric_phones: bool = Field(
        default=True,
        title="Compare numbers by their digits",
        description="Finds numbers that were written with spaces or dashes; switch it off where EspoCRM refuses it.",
    )
    longest_body: int = Field(
        60_000,
        title="Longest text (bytes)",
        description="Longer texts of mails and calls are cut off, with a link to the hub.",
        ge=1_000,
        le=1_000_000,
    )
    every_s: int = Field(
        120, title="Look every (seconds)", description="How often changes are asked for.", ge=10, le=86_400
    )
    full_every_h: int = Field(
        24,
        title="Read everything every (hours)",
        description="EspoCRM does not tell what was deleted: a pass from the beginning finds out.",
        ge=1,
        le=8_760,
    )
    overlap_min: int = Field(
        10,
        title="Overlap (minutes)",
        description="Every look goes back so much further: longer than the longest import takes.",
        ge=1,
        le=1_440,
    )
    page_size: int = Field(
        200,
        title="Records of a page",
        description="EspoCRM allows 200, unless its configuration says more.",
        ge=1,
        le=2_000,
    )
    requests_per_minute: int = Field(
        600,
        title="Requests per minute",
        description="EspoCRM has no limit of its own; this one spares its server.",
        ge=1,
        le=1_000_000,
    )
    ca: str = Field(
        "", title="CA certificate", description="File that certificates are checked against; empty = the usual."
    )
    timeout_s: float = Field(
        30.0, title="Patience (seconds)", description="How long any answer may take.", gt=0, le=300
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> "EspoSettings":
        if not self.base_url.startswith("https://") and not _HERE.match(self.base_url):
            raise ValueError("base_url: the key goes there, so it needs https://")
        return self

    @property
    def site(self) -> str:
        """The address without a slash at its end."""
        return self.base_url.rstrip("/")
