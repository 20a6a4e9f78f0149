"""What the administrator tells us about a telephone system that posts its calls."""

import re
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from hub.connector.contract import AccountSettings

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NUMBER = re.compile(r"\+?[0-9]{2,20}\Z")


class PhoneHookSettings(AccountSettings):
    """Nothing is needed but the account's token, which stands in the address that the telephone system posts to."""

    signing_secret: SecretStr = Field(
        SecretStr(""),
        title="Signing secret",
        description="If set, every call must be signed: X-Hub-Signature-256: sha256=HMAC(secret, body). Empty = not checked.",
    )
    close_after_s: float = Field(
        4 * 3600.0,
        title="Longest silence",
        description="A call that tells nothing for so many seconds is closed as lost. Longer than your longest call.",
        ge=60,
        le=7 * 86400,
    )
    reject_blocked: bool = Field(
        default=False, title="Reject blocked numbers", description="Answers a call from a number below with busy."
    )
    blocked_numbers: str = Field(
        "", title="Blocked numbers", description="One per line; also the beginning of a number, such as +44900."
    )
    caller_id: str = Field(
        "",
        title="Outgoing caller id",
        description="Number to show on outgoing calls; empty = the telephone system's own.",
    )
    dial_url: str = Field(
        "",
        title="Click-to-dial address",
        description='Where to post {"extension", "number", "id"} to start a call; empty = no click-to-dial.',
    )
    recordings_url: str = Field(
        "",
        title="Recordings",
        description="Address below which recordings are fetched, such as https://pbx/recordings/.",
    )
    recordings_user: str = Field("", title="User for recordings", description="Empty = none is asked for.")
    recordings_secret: SecretStr = Field(
        SecretStr(""), title="Password for recordings", description="Of the user above."
    )
    timeout_s: float = Field(5, title="Patience", description="Seconds that any answer may take.", gt=0, le=60)

    @field_validator("dial_url", "recordings_url")
    @classmethod
    def _an_address(cls, value: str) -> str:
        value = value.strip()
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.hostname or _CONTROL.search(value)):
            raise ValueError("must begin with https:// or http://")
        return value

    @field_validator("caller_id")
    @classmethod
    def _a_number(cls, value: str) -> str:
        value = re.sub(r"[\s().-]", "", value)
        if value and not _NUMBER.match(value):
            raise ValueError("must be a telephone number such as +97221234567")
        return value

    @property
    def blocked(self) -> tuple[str, ...]:
        """Beginnings of numbers that are turned away."""
        entries = (digits(entry) for entry in re.split(r"[\n,;]", self.blocked_numbers))
        return tuple(entry for entry in entries if entry)


def digits(number: str) -> str:
    """A number without decoration, in international form where it has one."""
    plain = re.sub(r"[^0-9+]", "", number)
    return f"+{plain[2:]}" if plain.startswith("00") else plain
