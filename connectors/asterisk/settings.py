"""What the administrator tells us about one Asterisk: the connect form and `hub account add asterisk` are made of this."""

import ipaddress
import json
import re
from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from connectors.asterisk import recordings
from connectors.asterisk.recordings import Recordings
from connectors.asterisk.records import RecordSource
from hub.connector.contract import AccountSettings

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# Characters of names in extensions.conf. Source: https://docs.asterisk.org/Configuration/Dialplan/
DIALPLAN_NAME = re.compile(r"^[A-Za-z0-9_.-]{1,79}\Z")


def _lines(value: object) -> object:
    """Accept a list or mapping (from a file or a program) where the form gives text with one entry per line."""
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        try:
            value = json.loads(value)
        except ValueError:
            return value
    if isinstance(value, dict):
        return "\n".join(f"{key}={entry}" for key, entry in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return "\n".join(str(entry) for entry in value)
    return value


Lines = Annotated[str, BeforeValidator(_lines)]


def _entries(text: str) -> tuple[str, ...]:
    return tuple(entry.strip() for entry in re.split(r"[\n,;]", text) if entry.strip())


class AsteriskSettings(AccountSettings):
    """One Asterisk or FreePBX. Only host, username and secret are needed for live calls."""

    host: str = Field(title="Host", description="Name or address of the Asterisk server.", min_length=1, max_length=253)
    port: int = Field(5038, title="Manager port", description="5038 is usual, 5039 with TLS.", ge=1, le=65535)
    tls: bool = Field(default=False, title="TLS", description="Encrypt the manager connection (tlsenable=yes).")
    ca: str = Field(
        "",
        title="CA certificate",
        description="File (or the PEM text itself) that the server's certificate is checked against; empty = the system's.",
    )
    tls_name: str = Field(
        "",
        title="Name in the certificate",
        description="Only where the certificate names another host than the one above.",
    )
    username: str = Field(title="Manager user", description="Section of manager.conf, such as [hub].", min_length=1)
    secret: SecretStr = Field(title="Secret", description="The secret of this section in manager.conf.")
    region: str = Field("", title="Country", description="ISO code for numbers without a country; empty = the hub's.")

    context: str = Field(
        "from-internal", title="Context", description="Dialplan context of the phones, for click-to-dial and transfers."
    )
    originate_channel: str = Field(
        "PJSIP/{extension}",
        title="Phone channel",
        description="How the exchange calls a phone: PJSIP/{extension}, SIP/{extension}, Local/{extension}@from-internal/n.",
    )
    blocked_prefixes: Lines = Field(
        "", title="Blocked prefixes", description="Numbers that click-to-dial never calls, one beginning per line."
    )

    recordings_root: str = Field(
        "",
        title="Recordings",
        description="Where the hub reads recordings: a folder, https://pbx/recordings/ or sftp://user@pbx/path. Empty = none.",
    )
    prefix_map: Lines = Field(
        "",
        title="Folder names",
        description="How the exchange's folder is seen from here, one per line: /var/spool/asterisk/monitor=/mnt/recordings",
    )
    recordings_secret: SecretStr = Field(
        SecretStr(""), title="Password for recordings", description="Of the HTTPS or SFTP user; empty = none."
    )
    recordings_key: SecretStr = Field(
        SecretStr(""), title="SSH key for recordings", description="Private key (PEM text) of the SFTP user."
    )
    recordings_host_key: str = Field(
        "", title="SSH host key", description="The server's public key, as ssh-keyscan prints it: ssh-ed25519 AAAA..."
    )

    cdr_source: str = Field(
        "",
        title="Call records",
        description="Master.csv, or mysql://user@host/asteriskcdrdb, postgresql://...; fills the gap after an outage.",
        repr=False,  # an administrator may have written a password into the address
    )
    cel_source: str = Field(
        "", title="Call events", description="As above, of the CEL records; better than CDR.", repr=False
    )
    records_secret: SecretStr = Field(
        SecretStr(""), title="Password for call records", description="Of the database user above."
    )

    agi_host: str = Field("127.0.0.1", title="FastAGI address", description="Where we listen; never a public address.")
    agi_port: int = Field(0, title="FastAGI port", description="4573 is usual; 0 = off.", ge=0, le=65535)
    agi_allow: Lines = Field(
        "127.0.0.1\n::1", title="FastAGI callers", description="Addresses or networks of the exchange, one per line."
    )
    agi_names: bool = Field(
        default=False,
        title="Customer name on the desk phone",
        description="Sets CALLERID(name) while the call comes in.",
    )
    agi_owner: bool = Field(
        default=False,
        title="Route to the owner",
        description="Sets HUB_OWNER for the dialplan to ring the customer's owner.",
    )
    reveal_withheld: bool = Field(
        default=False,
        title="Name withheld callers",
        description="Also shows the name of a caller who asked to be withheld. Check whether your law allows it.",
    )

    keepalive_s: float = Field(
        10,
        title="Keepalive",
        description="Seconds of silence before we ask whether the exchange is there.",
        gt=0,
        le=300,
    )
    timeout_s: float = Field(5, title="Patience", description="Seconds that any answer may take.", gt=0, le=60)

    @field_validator("host", "username", "originate_channel", "tls_name", "recordings_root", "agi_host")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if CONTROL.search(value):
            msg = "must be one line without control characters"
            raise ValueError(msg)
        return value.strip()

    @field_validator("secret")
    @classmethod
    def _secret_on_one_line(cls, value: SecretStr) -> SecretStr:
        if CONTROL.search(value.get_secret_value()):
            msg = "must be one line without control characters"
            raise ValueError(msg)
        return value

    @field_validator("context")
    @classmethod
    def _a_dialplan_name(cls, value: str) -> str:
        if not DIALPLAN_NAME.match(value):
            msg = "must be the name of a context in extensions.conf"
            raise ValueError(msg)
        return value

    @field_validator("originate_channel")
    @classmethod
    def _with_a_place_for_the_extension(cls, value: str) -> str:
        if "{extension}" not in value or "/" not in value:
            msg = "must look like PJSIP/{extension}"
            raise ValueError(msg)
        return value

    @field_validator("prefix_map")
    @classmethod
    def _pairs(cls, value: str) -> str:
        for entry in _entries(value):
            if not all(part.strip() for part in entry.partition("=")):
                msg = "must have lines like /var/spool/asterisk/monitor=/mnt/recordings"
                raise ValueError(msg)
        return value

    @field_validator("agi_allow")
    @classmethod
    def _networks(cls, value: str) -> str:
        for entry in _entries(value):
            ipaddress.ip_network(entry, strict=False)  # its ValueError says what is wrong
        return value

    @model_validator(mode="after")
    def _host_is_a_host(self) -> "AsteriskSettings":
        if "/" in self.host or any(character.isspace() for character in self.host):
            msg = "host must be a name or an address, without a scheme or path"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _places_can_be_read(self) -> "AsteriskSettings":
        self.recordings()  # their ValueErrors say which setting is wrong and how to write it
        self.record_source()
        return self

    def recordings(self) -> Recordings:
        """Return the place of recordings."""
        return recordings.create(
            self.recordings_root,
            self.prefixes,
            password=self.recordings_secret.get_secret_value(),
            key=self.recordings_key.get_secret_value(),
            host_key=self.recordings_host_key,
            timeout_s=self.timeout_s,
        )

    def record_source(self, time_zone: str = "UTC") -> RecordSource | None:
        """Return the place of call records; None where there is none.

        Args:
            time_zone: IANA name of the zone in which the exchange writes times, unless the setting says another.
        """
        password = self.records_secret.get_secret_value()
        return RecordSource.parse(self.cdr_source, self.cel_source, password=password, time_zone=time_zone)

    @property
    def prefixes(self) -> tuple[tuple[str, str], ...]:
        """The folder names as pairs: as the exchange writes them, as we see them."""
        pairs = (entry.partition("=") for entry in _entries(self.prefix_map))
        return tuple((ours.strip(), here.strip()) for ours, _, here in pairs)

    @property
    def blocked(self) -> tuple[str, ...]:
        """Beginnings of numbers that must not be called."""
        return tuple(re.sub(r"[^0-9+*#]", "", entry) for entry in _entries(self.blocked_prefixes))

    @property
    def agi_peers(self) -> tuple[str, ...]:
        """Addresses or networks that may ask us about callers."""
        return _entries(self.agi_allow)
