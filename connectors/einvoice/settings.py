"""What the administrator tells us about a folder with electronic invoices, and about programs that post them."""

from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from hub.connector.contract import AccountSettings


class EinvoiceSettings(AccountSettings):
    """Where electronic invoices come from, besides uploads and mails."""

    folder: str = Field(
        "",
        title="Folder",
        description="Path on this server whose files are read and left in place; empty = none is watched.",
    )
    pattern: str = Field(
        "*.xml *.pdf",
        title="File names",
        description="Which files are read, divided by spaces; letter case does not matter.",
        min_length=1,
        max_length=500,
    )
    settle_s: float = Field(
        10.0,
        title="Rest of a file (seconds)",
        description="A file that changed more recently is read later.",
        ge=0,
        le=3600,
    )
    from_mails: str = Field(
        "",
        title="Attachments of mails",
        description="Ends of names, such as .xml .pdf, of files that come with mails of known customers and suppliers; empty = none.",
        pattern=r"^( *\.[A-Za-z0-9]{1,10})* *$",
        max_length=100,
    )
    signing_secret: SecretStr = Field(
        SecretStr(""),
        title="Signing secret",
        description="Of programs that post files: X-Signature over the body. Empty = the account's token is the proof.",
    )

    @field_validator("folder")
    @classmethod
    def _absolute(cls, value: str) -> str:
        value = value.strip()
        if "\0" in value or (value and not Path(value).is_absolute()):
            raise ValueError("must be a whole path, such as /srv/invoices")
        return value

    @property
    def wants_token(self) -> bool:
        return not self.signing_secret.get_secret_value()

    def wants(self, name: str) -> bool:
        """Say whether a file is to be read."""
        return any(fnmatchcase(name.casefold(), one.casefold()) for one in self.pattern.split())
