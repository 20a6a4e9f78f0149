"""What the administrator enters for an account of a manifest of his own."""

from collections.abc import Mapping

from pydantic import Field, SecretStr, model_validator

from hub.connector.manifest.document import Manifest
from hub.connector.manifest.load import BadManifestError, read_toml
from hub.connector.manifest.settings import ManifestSettings

NAME = "manifest"  # in messages about what is wrong with it
_NOTHING: Mapping[str, str | int | bool] = {"text": "", "integer": 0, "boolean": False}
_YES = frozenset({"true", "yes", "on", "1"})


class OwnSettings(ManifestSettings):
    """A manifest, and what it wants to know."""

    manifest: str = Field(
        title="Manifest",
        description="The whole text (TOML). Its form is described in the README of this connection.",
        min_length=1,
        max_length=200_000,
    )
    given: str = Field(
        "",
        title="Settings of the manifest",
        description="Those that are no secrets, one NAME=VALUE in each line.",
        max_length=20_000,
    )
    secrets: SecretStr = Field(
        SecretStr(""), title="Secrets of the manifest", description="One NAME=VALUE in each line, such as api_key=…."
    )

    @model_validator(mode="after")
    def _fits(self) -> "OwnSettings":
        try:
            found = self.document
        except BadManifestError as error:
            raise ValueError(str(error)[:2000]) from None
        if not self.base_url and not found.base_url:
            raise ValueError("base_url: the manifest names no address, so enter one")
        for name, one in found.settings.items():
            if one.required and not self._lines.get(name):
                where = "secrets" if one.secret else "given"
                raise ValueError(
                    f"{where}: the manifest wants {name} ({one.title}); write {name}=… on a line of its own"
                )
        for name, value in self._lines.items():
            if name not in found.settings:
                raise ValueError(f"given: the manifest has no setting {name[:40]!r}")
            if found.settings[name].type == "integer" and not value.removeprefix("-").isdecimal():
                raise ValueError(f"given: {name} is a whole number")
        return self

    @property
    def document(self) -> Manifest:
        """The manifest. Raises BadManifestError: it cannot be used."""
        return read_toml(self.manifest, name=NAME)

    def entered(self, manifest: Manifest) -> Mapping[str, str | int | bool]:
        """Return what was entered for a manifest's own settings, or what it says itself."""
        found: dict[str, str | int | bool] = {}
        for name, one in manifest.settings.items():
            text = self._lines.get(name)
            if text is None:
                found[name] = _NOTHING[one.type] if one.default is None else one.default
            else:
                found[name] = int(text) if one.type == "integer" else text in _YES if one.type == "boolean" else text
        return found

    @property
    def _lines(self) -> Mapping[str, str]:
        lines = [*self.given.splitlines(), *self.secrets.get_secret_value().splitlines()]
        pairs = (line.partition("=") for line in lines if line.strip())
        return {name.strip(): value.strip() for name, _, value in pairs}
