"""What the administrator tells us about a form: which program sends it, and how it proves itself."""

import re
from enum import StrEnum

from pydantic import Field, SecretStr, field_validator, model_validator

from hub.connector.contract import AccountSettings

_ADDRESS = re.compile(r"https://[^\s\x00-\x1f\x7f]+")
_NAME = re.compile(r"[^\s\x00-\x1f\x7f]+")


class Preset(StrEnum):
    """Who sends."""

    OWN = "own"  # a page of ours: a form, or a program that posts JSON
    ELEMENTOR = "elementor"
    CF7 = "cf7"
    TYPEFORM = "typeform"
    TALLY = "tally"
    GOOGLE_ADS = "google_ads"
    ZAPIER = "zapier"  # and Make: whatever its user put together


class Proof(StrEnum):
    """How a call proves from whom it is."""

    TOKEN = "token"  # noqa: S105 - the account's token, in the address or the header
    HMAC = "hmac"  # X-Signature: sha256=HEX of the raw body, with a time or without
    STANDARD = "standard"  # https://www.standardwebhooks.com
    TYPEFORM = "typeform"  # Typeform-Signature: sha256=BASE64 of the raw body
    TALLY = "tally"  # Tally-Signature: BASE64 of the raw body
    GOOGLE_KEY = "google_key"  # google_key in the body


_USUAL = {Preset.TYPEFORM: Proof.TYPEFORM, Preset.TALLY: Proof.TALLY, Preset.GOOGLE_ADS: Proof.GOOGLE_KEY}


class WebFormsSettings(AccountSettings):
    """One form, or several that one program sends."""

    preset: Preset = Field(
        Preset.OWN, title="Sent by", description="own, elementor, cf7 (Contact Form 7), typeform, tally, google_ads or zapier (Make too)."
    )  # fmt: skip
    proof: Proof | None = Field(
        None,
        title="Proof",
        description="token, hmac, standard, typeform, tally or google_key. Empty = as this program usually does; of others "
        "hmac where there is a secret, else token.",
    )
    signing_secret: SecretStr = Field(
        SecretStr(""), title="Signing secret", description="Or the Google key. Not needed where the token is the proof."
    )
    old_signing_secret: SecretStr = Field(
        SecretStr(""), title="Old signing secret", description="Good as well while you change it. Empty = none."
    )
    tolerance_s: int = Field(
        300,
        title="Oldest call",
        description="Seconds after which a signed call with a time is refused.",
        ge=30,
        le=3600,
    )
    form_name: str = Field("", title="Name of the form", description="Where the program does not tell it.")
    language: str = Field(
        "", title="Language", description="Of the form, such as he. Empty = not known.", max_length=10
    )
    id_field: str = Field(
        "", title="Field with the id", description="A field that is another one in each answer. Empty = the usual ones."
    )
    trap_field: str = Field(
        "hub_homepage", title="Trap for robots", description="A hidden field that people leave empty. Empty = no trap."
    )
    consent_fields: str = Field(
        "",
        title="Boxes of consent",
        description="Names of fields, one per line, that say whether something was agreed to.",
    )
    thanks_url: str = Field(
        "",
        title="Page of thanks",
        description="Where a browser goes that sent the form. Empty = a short page of the hub.",
    )

    @field_validator("id_field", "trap_field")
    @classmethod
    def _a_name(cls, value: str) -> str:
        value = value.strip()
        if value and not _NAME.fullmatch(value):
            raise ValueError("must be the name of a field, without spaces")
        return value

    @field_validator("thanks_url")
    @classmethod
    def _an_address(cls, value: str) -> str:
        value = value.strip()
        if value and not _ADDRESS.fullmatch(value):
            raise ValueError("must be an address that begins with https://")
        return value

    @model_validator(mode="after")
    def _has_what_it_proves_with(self) -> "WebFormsSettings":
        if self.proved_by is not Proof.TOKEN and not self.signing_secret.get_secret_value():
            raise ValueError("signing_secret: this proof needs a secret")
        return self

    @property
    def proved_by(self) -> Proof:
        """How calls prove themselves; whoever enters a secret wants it to be looked at."""
        usual = Proof.HMAC if self.signing_secret.get_secret_value() else Proof.TOKEN
        return self.proof or _USUAL.get(self.preset, usual)

    @property
    def wants_token(self) -> bool:
        return self.proved_by is Proof.TOKEN

    @property
    def secrets(self) -> tuple[str, ...]:
        """What they may be signed with, the present one first."""
        both = (self.signing_secret.get_secret_value(), self.old_signing_secret.get_secret_value())
        return tuple(one for one in both if one)

    @property
    def agreements(self) -> frozenset[str]:
        """Names of the fields that say whether something was agreed to."""
        return frozenset(line.strip() for line in self.consent_fields.splitlines() if line.strip())
