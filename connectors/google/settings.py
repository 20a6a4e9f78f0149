"""What the administrator tells us about one Google account, or about a whole Workspace."""

import json
from typing import Any

from pydantic import Field, SecretStr, model_validator

from hub.connector.contract import AccountSettings

# Source: https://developers.google.com/identity/protocols/oauth2/scopes
MAIL = "https://www.googleapis.com/auth/gmail.modify"
CALENDAR = "https://www.googleapis.com/auth/calendar"
CONTACTS = "https://www.googleapis.com/auth/contacts"
OTHER_CONTACTS = "https://www.googleapis.com/auth/contacts.other.readonly"
PUBSUB = "https://www.googleapis.com/auth/pubsub"
IDENTITY = ("openid", "https://www.googleapis.com/auth/userinfo.email")


class GoogleSettings(AccountSettings):
    """One mailbox by consent, or all mailboxes of a Workspace by a service account."""

    client_id: str = Field(
        "", title="Client id", description="OAuth client of your own Google Cloud project, of type Web."
    )
    client_secret: SecretStr = Field(
        SecretStr(""), title="Client secret", description="Shown beside the client id in the Google Cloud console."
    )
    service_account: SecretStr = Field(
        SecretStr(""),
        title="Key of a service account",
        description="The JSON file with domain-wide delegation, for all mailboxes of a Workspace at once; instead of consent.",
    )
    refresh_token: SecretStr = Field(
        SecretStr(""), title="Refresh token", description="Only from the command line; on pages, consent gives it."
    )
    address: str = Field("", title="Mailbox", description="Whose account it is; filled in by itself after consent.")
    mailboxes: str = Field(
        "", title="Mailboxes", description="With a service account: addresses, one in each line, that are read."
    )
    mail: bool = Field(default=True, title="Mail", description="Mail with customers goes to their timelines.")
    visibility: str = Field(
        "",
        title="Who reads the mail",
        description="all, metadata (others see that and with whom) or owner; empty = all, of gmail.com metadata.",
        pattern="^(all|metadata|owner)?$",
    )
    calendar: bool = Field(default=True, title="Calendar", description="Meetings with customers go to their timelines.")
    contacts: bool = Field(
        default=True, title="Contacts", description="Contacts become customers and follow their changes."
    )
    contacts_back: bool = Field(
        default=False,
        title="Write contacts back",
        description="What changes in the hub from now on is also changed in these contacts; none is ever deleted.",
    )
    other_contacts: bool = Field(
        default=False, title="Other contacts", description="Also addresses that Google collected from sent mail."
    )
    contact_groups: str = Field(
        "",
        title="Contact groups",
        description="Names of Google's labels, one in each line: only contacts that have one of them; empty = all.",
    )
    calendars: str = Field(
        "", title="Calendars", description="Ids, one in each line; empty = the main calendar of each mailbox."
    )
    writable_calendars: str = Field(
        "primary",
        title="Calendars written to",
        description="Ids, one in each line; meetings made in the hub go to the first that is read; empty = none is written.",
    )
    every_s: int = Field(
        300, title="Look every (seconds)", description="How often Google is asked what changed.", ge=10, le=3600
    )
    topic: str = Field(
        "",
        title="Pub/Sub topic",
        description="Mail arrives at once: projects/…/topics/…, where gmail-api-push@system.gserviceaccount.com may publish; empty = only polling.",
    )
    subscription: str = Field(
        "",
        title="Pub/Sub subscription",
        description="That we pull from, projects/…/subscriptions/…; needs no public address; empty = Google posts to us.",
    )
    pubsub_key: SecretStr = Field(
        SecretStr(""),
        title="Key of the Pub/Sub subscriber",
        description="JSON file of a service account that may read the subscription; empty = the one above, or the person who consents.",
    )
    push_sender: str = Field(
        "",
        title="Sender of posted messages",
        description="Where Google posts to us: e-mail address of the service account that signs for the subscription.",
    )
    push_audience: str = Field(
        "",
        title="Audience of posted messages",
        description="As the subscription says; empty = the address of our hook.",
    )
    push_token: SecretStr = Field(
        SecretStr(""),
        title="Token of posted messages",
        description="If set, the address that Google posts to must end with ?token= and this.",
    )
    base_url: str = Field("", title="Address of all APIs", description="For a test server; empty = Google.")
    gmail_url: str = Field("", title="Address of Gmail", description="Where it differs from the one above.")
    calendar_url: str = Field("", title="Address of Calendar", description="Where it differs from the one above.")
    people_url: str = Field("", title="Address of People", description="Where it differs from the one above.")
    pubsub_url: str = Field("", title="Address of Pub/Sub", description="Where it differs from the one above.")
    oauth_url: str = Field("", title="Address of OAuth", description="Where it differs from the one above.")
    certs_url: str = Field(
        "",
        title="Address of certificates",
        description="That signatures of posted messages are checked with; empty = Google's.",
    )
    ca: str = Field(
        "", title="CA certificate", description="File that certificates are checked against; empty = the usual."
    )
    timeout_s: float = Field(
        30.0, title="Patience (seconds)", description="How long any answer may take.", gt=0, le=300
    )
    # New projects; those that were active before 2026-05 keep higher numbers, so these are settings.
    # Source: https://developers.google.com/workspace/gmail/api/reference/quota
    mail_units_per_minute: int = Field(
        6_000, title="Gmail units per minute and user", description="15000 for projects older than May 2026.", ge=100
    )
    mail_project_units_per_minute: int = Field(
        1_200_000,
        title="Gmail units per minute and project",
        description="Shared by all accounts with the same client.",
        ge=100,
    )
    # Source: https://developers.google.com/workspace/calendar/api/guides/quota
    calendar_requests_per_minute: int = Field(
        600, title="Calendar requests per minute and user", description="As the quota page of your project says.", ge=10
    )
    contact_requests_per_minute: int = Field(
        90, title="Contact requests per minute and user", description="As the quota page of your project says.", ge=10
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> "GoogleSettings":
        key = self.service_account.get_secret_value()
        if key and not _is_key(key):
            raise ValueError("service_account: this is not the JSON key file of a service account")
        if (reader := self.pubsub_key.get_secret_value()) and not _is_key(reader):
            raise ValueError("pubsub_key: this is not the JSON key file of a service account")
        if key and not self.wanted_mailboxes:
            raise ValueError("mailboxes: say which mailboxes the service account reads, one in each line")
        return self

    @property
    def wanted_mailboxes(self) -> tuple[str, ...]:
        """Whose data is read; with consent there is one, and before it none is known."""
        listed = tuple(dict.fromkeys(line.strip().lower() for line in self.mailboxes.splitlines() if line.strip()))
        return listed if self.service_account.get_secret_value() else (self.address.strip().lower(),)

    @property
    def wanted_calendars(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(line.strip() for line in self.calendars.splitlines() if line.strip())) or (
            "primary",
        )

    @property
    def calendars_written(self) -> tuple[str, ...]:
        """The calendars that the hub may write to; one that is not read is not among them."""
        listed = dict.fromkeys(line.strip() for line in self.writable_calendars.splitlines() if line.strip())
        return tuple(one for one in listed if one in self.wanted_calendars)

    @property
    def wanted_groups(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(line.strip() for line in self.contact_groups.splitlines() if line.strip()))

    @property
    def scopes(self) -> tuple[str, ...]:
        """What consent is asked for."""
        wanted = {
            MAIL: self.mail,
            CALENDAR: self.calendar,
            CONTACTS: self.contacts,
            OTHER_CONTACTS: self.other_contacts,
            # Only where nobody else reads the subscription: delegation refuses every token with a scope too many.
            PUBSUB: self.mail and bool(self.topic and self.subscription) and not (self.key or self.has_pubsub_key),
        }
        return (*IDENTITY, *(scope for scope, is_wanted in wanted.items() if is_wanted))

    @property
    def has_pubsub_key(self) -> bool:
        return bool(self.pubsub_key.get_secret_value())

    @property
    def key(self) -> dict[str, Any] | None:
        """The service account's key; None with consent."""
        text = self.service_account.get_secret_value()
        key: dict[str, Any] | None = json.loads(text) if text else None
        return key

    @property
    def project(self) -> str:
        """The Google Cloud project, whose limits all its accounts share: the number before the client's name."""
        key = self.key
        return str(key["project_id"]) if key else self.client_id.partition("-")[0]


def _is_key(text: str) -> bool:
    try:
        key = json.loads(text)
    except ValueError:
        return False
    return isinstance(key, dict) and {"client_email", "private_key", "token_uri", "project_id"} <= key.keys()
