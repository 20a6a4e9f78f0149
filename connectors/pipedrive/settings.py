"""What the administrator tells us about one Pipedrive account."""

import re
from datetime import timedelta

from pydantic import Field, SecretStr, model_validator

from hub.connector.contract import AccountSettings

LEAD, DEAL = "lead", "deal"
_ADDRESS = r"^https?://[A-Za-z0-9.:\[\]-]+/?$"
_HERE = re.compile(r"^http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/|$)")  # a simulator may do without TLS


class PipedriveSettings(AccountSettings):
    """One Pipedrive account, and the token of a user in it."""

    base_url: str = Field(
        title="Address", description="Of the account, such as https://example.pipedrive.com.", pattern=_ADDRESS
    )
    api_token: SecretStr = Field(
        title="API token", description="Of a user who may see all people (Personal preferences, API).", min_length=1
    )
    contacts: bool = Field(default=True, title="People", description="People become contacts.")
    companies: bool = Field(default=True, title="Organisations", description="Organisations become contacts too.")
    tasks: bool = Field(default=True, title="Tasks", description="Activities of some types are read as tasks.")
    task_types: str = Field(
        "task\ndeadline",
        title="Types of tasks",
        description="Keys of activity types, one in each line.",
        max_length=500,
    )
    leads_as: str = Field(
        LEAD, title="Leads become", description="lead (of the leads inbox) or deal.", pattern="^(lead|deal)$"
    )
    deal_stage: str = Field(
        "", title="Stage", description="Id, where new deals begin; empty: the first.", pattern=r"^\d{0,12}$"
    )
    every_s: int = Field(
        300, title="Look every (seconds)", description="How often changes are asked for.", ge=30, le=86_400
    )
    overlap_min: int = Field(10, title="Overlap (minutes)", description="Every look goes back this far.", ge=1, le=1440)
    full_every_days: int = Field(1, title="Whole pass (days)", description="How often everything is read.", ge=1, le=90)
    # Source: https://pipedrive.readme.io/docs/core-api-concepts-rate-limiting
    requests_per_minute: int = Field(
        300, title="Requests per minute", description="Pipedrive allows 20 in two seconds at least.", ge=10, le=100_000
    )
    ca: str = Field(
        "", title="CA certificate", description="File that certificates are checked against; empty = the usual."
    )
    timeout_s: float = Field(
        30.0, title="Patience (seconds)", description="How long any answer may take.", gt=0, le=300
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> "PipedriveSettings":
        if not self.base_url.startswith("https://") and not _HERE.match(self.base_url):
            raise ValueError("base_url: the token goes there, so it needs https://")
        token = self.api_token.get_secret_value()
        if not token.isascii() or not token.isprintable() or " " in token:
            raise ValueError("api_token: it has signs that no token has")
        return self

    @property
    def base(self) -> str:
        return self.base_url.rstrip("/")

    @property
    def overlap(self) -> timedelta:
        return timedelta(minutes=self.overlap_min)

    @property
    def wanted_types(self) -> frozenset[str]:
        return frozenset(self.task_types.split())
