"""What an administrator enters for an account of a manifest, and the account as the runner sees it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field, SecretStr, create_model, field_validator

from hub.connector.contract import AccountSettings
from hub.connector.manifest.document import Manifest, setting_of

_ADDRESS = r"^(https?://[A-Za-z0-9.:\[\]-]+(/[^\s?#\\]*)?)?$"
_HTTP = re.compile(r"^http://")


class ManifestSettings(AccountSettings):
    """What every account of a manifest has."""

    base_url: str = Field("", title="Address", description="Of the API.", pattern=_ADDRESS)
    web_url: str = Field(
        "",
        title="Address of pages",
        description="Where links to documents begin; empty = the address of the API.",
        pattern=_ADDRESS,
    )
    allow_private: bool = Field(
        default=False,
        title="In our own network",
        description="Allow an address of your own network; only there http:// is allowed as well.",
    )
    ca: str = Field(
        "", title="CA certificate", description="File that certificates are checked against; empty = the usual."
    )
    timeout_s: float = Field(
        30.0, title="Patience (seconds)", description="How long any answer may take.", gt=0, le=300
    )
    calls_per_minute: int = Field(
        0, title="Calls per minute", description="At most; 0 = as the manifest says.", ge=0, le=1_000_000
    )

    @field_validator("base_url", "web_url")
    @classmethod
    def _ends_plainly(cls, address: str) -> str:
        return address.rstrip("/")

    def entered(self, manifest: Manifest) -> Mapping[str, Any]:
        """Return what was entered for a manifest's own settings, secrets in plain text."""
        found = {name: getattr(self, name) for name in manifest.settings if hasattr(self, name)}
        return {name: one.get_secret_value() if isinstance(one, SecretStr) else one for name, one in found.items()}


def model_of(manifest: Manifest) -> type[ManifestSettings]:
    """Return the connect form of a manifest: what every account has, and its own settings."""
    fields: dict[str, Any] = {}
    if not manifest.base_url:
        fields["base_url"] = (
            str,
            Field(
                title="Address",
                description="Of your own server, such as https://erp.example.com.",
                pattern=_ADDRESS,
                min_length=8,
            ),
        )
    else:
        fields["base_url"] = (
            str,
            Field(
                manifest.base_url,
                title="Address",
                description="Of the API; change it for tests only.",
                pattern=_ADDRESS,
            ),
        )
    for name, one in manifest.settings.items():
        kind: Any = SecretStr if one.secret else {"text": str, "integer": int, "boolean": bool}[one.type]
        usual: Any = SecretStr("") if one.secret else {"text": "", "integer": 0, "boolean": False}[one.type]
        default = ... if one.required else usual if one.default is None else one.default
        fields[name] = (kind, Field(default, title=one.title, description=one.description))
    title = "".join(part.title() for part in manifest.name.split("_"))
    made: type[ManifestSettings] = create_model(f"{title}Settings", __base__=ManifestSettings, **fields)
    return made


@dataclass(frozen=True, slots=True)
class Access:
    """One account of a manifest: its document, and what was entered."""

    manifest: Manifest
    connector: str
    account_id: int
    base: str  # where requests go, without a slash at the end
    web: str  # where links begin
    values: Mapping[str, str | int | bool]  # settings of the manifest, secrets in plain text
    ca: str = ""
    timeout_s: float = 30.0
    per_minute: int = 60
    per_second: float = 0.0  # 0: only the minute counts
    allow_private: bool = False

    @classmethod
    def of(cls, manifest: Manifest, connector: str, account_id: int, settings: ManifestSettings) -> "Access":
        """Put together what a manifest says and what was entered."""
        values = settings.entered(manifest)
        entered = (settings.base_url or manifest.base_url).rstrip("/")
        base = entered + _text_of(manifest.base_path, values).rstrip("/")
        return cls(
            manifest=manifest,
            connector=connector,
            account_id=account_id,
            base=base,
            web=settings.web_url or entered,
            values=values,
            ca=settings.ca,
            timeout_s=settings.timeout_s,
            per_minute=settings.calls_per_minute or _per_minute(manifest),
            per_second=settings.calls_per_minute / 60 or float(manifest.limits.per_second or 0),
            allow_private=settings.allow_private,
        )

    def given(self, value: Any) -> Any:
        """Return a constant, or what was entered for the setting that stands in its place; inside lists and tables too."""
        name = setting_of(value)
        if name is not None:
            return self.values.get(name, "")
        if isinstance(value, dict):
            return {key: self.given(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.given(one) for one in value]
        return value

    @property
    def secrets(self) -> tuple[str, ...]:
        """What nobody may read, the longest first."""
        named = (str(self.values.get(name, "")) for name, one in self.manifest.settings.items() if one.secret)
        return tuple(sorted((one for one in named if len(one) >= 4), key=len, reverse=True))


def _text_of(value: Any, values: Mapping[str, Any]) -> str:
    name = setting_of(value)
    return str(values.get(name, "") if name is not None else value)


def _per_minute(manifest: Manifest) -> int:
    limits = manifest.limits
    return min(limits.per_minute, limits.per_second * 60) if limits.per_second else limits.per_minute
