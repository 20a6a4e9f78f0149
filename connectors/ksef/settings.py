"""What the administrator tells us about one company in KSeF."""

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator

from hub.connector.contract import AccountSettings

WARSAW = ZoneInfo("Europe/Warsaw")
# Whose invoices: where the company is seller, buyer, a third party, or was authorized.
ROLES = {"Subject1": "sold", "Subject2": "bought", "Subject3": "as a third party", "SubjectAuthorized": "as authorized"}
EARLIEST = 0.9  # of a pause
_ADDRESS = re.compile(
    r"https://[A-Za-z0-9.:\[\]/_-]+|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/[A-Za-z0-9/_-]*)?"
)


class KsefSettings(AccountSettings):
    """One company, and a token that may read its invoices."""

    nip: str = Field(
        title="NIP", description="Of your company, ten digits.", pattern=r"^[1-9]((\d[1-9])|([1-9]\d))\d{7}$"
    )
    token: SecretStr = Field(
        title="KSeF token", description="Made in KSeF's application, with the right InvoiceRead and no other."
    )
    roles: str = Field(
        "Subject1 Subject2",
        title="Roles",
        description="Whose invoices: Subject1 (sold), Subject2 (bought), Subject3, SubjectAuthorized; divided by spaces.",
    )
    since: date = Field(date(2026, 2, 1), title="Since", description="The first day whose invoices are read.")
    every_min: int = Field(
        15, title="Look every (minutes)", description="KSeF allows no less than 15 for each role.", ge=15, le=1440
    )
    metadata_per_hour: int = Field(
        20,
        title="Lists per hour",
        description="What KSeF allows; more only if it raised your limits.",
        ge=5,
        le=1_000_000,
    )
    exports_per_hour: int = Field(
        20,
        title="Packages per hour",
        description="What KSeF allows; more only if it raised your limits.",
        ge=5,
        le=1_000_000,
    )
    invoices_per_hour: int = Field(
        64,
        title="Single invoices per hour",
        description="What KSeF allows; more only if it raised your limits.",
        ge=5,
        le=1_000_000,
    )
    base_url: str = Field(
        "https://api.ksef.mf.gov.pl/v2",
        title="Address of the API",
        description="Another one for KSeF's test systems only.",
    )
    qr_url: str = Field(
        "https://qr.ksef.mf.gov.pl",
        title="Address of verification",
        description="Where a link to an invoice leads; another one for KSeF's test systems only.",
    )
    ca: str = Field(
        "", title="CA certificate", description="File that certificates are checked against; empty = the usual."
    )
    timeout_s: float = Field(
        30.0, title="Patience (seconds)", description="How long any answer may take.", gt=0, le=300
    )

    @field_validator("token")
    @classmethod
    def _a_token(cls, value: SecretStr) -> SecretStr:
        given = value.get_secret_value().strip()
        if not given or not given.isascii() or not given.isprintable() or len(given) > 200:
            raise ValueError("must be a token as KSeF showed it once")
        return SecretStr(given)

    @field_validator("roles")
    @classmethod
    def _known_roles(cls, value: str) -> str:
        if not value.split() or (unknown := set(value.split()) - ROLES.keys()):
            raise ValueError(
                f"must be some of {', '.join(ROLES)}"
                if not value.split()
                else f"unknown: {', '.join(sorted(unknown))[:60]}"
            )
        return " ".join(one for one in ROLES if one in value.split())

    @field_validator("base_url", "qr_url")
    @classmethod
    def _an_address(cls, value: str) -> str:
        if not _ADDRESS.fullmatch(value):
            raise ValueError("must be an address that begins with https://")
        return value.rstrip("/")

    @field_validator("since")
    @classmethod
    def _not_before_ksef(cls, value: date) -> date:
        if value < date(2022, 1, 1):
            raise ValueError("KSeF began in 2022")
        return value

    @property
    def wanted_roles(self) -> tuple[str, ...]:
        return tuple(self.roles.split())

    @property
    def every(self) -> timedelta:
        """How often to look; the hub looks up to a tenth earlier, and that must still be seldom enough."""
        return timedelta(minutes=self.every_min) / EARLIEST

    @property
    def begins(self) -> str:
        """The first moment whose invoices are read."""
        return datetime.combine(self.since, datetime.min.time(), WARSAW).isoformat()
