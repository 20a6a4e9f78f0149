"""What a connector offers. `connectors/<name>/__init__.py` exports one `CONNECTOR`; that is all the hub knows of it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel, ConfigDict

from hub.connector.consent import Consent
from hub.connector.exchange import Exchange
from hub.connector.hook import Hook
from hub.connector.stream import Remote, Tools


class AccountSettings(BaseModel):
    """Base of a connector's settings: one frozen model that describes the connect form and `hub account add`.

    A field of type `SecretStr` is a secret: sealed at rest, never shown again. `title` and `description` of a field
    are what the administrator reads. `timeout_s`, where a connector waits for its remote, is how long any answer may take.
    """

    # What was typed may be a secret: an error names the field, not the value.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @property
    def wants_token(self) -> bool:
        """Whether webhooks prove themselves by the account's token alone; then one without it is refused."""
        return False


SettingsT = TypeVar("SettingsT", bound=AccountSettings)


@dataclass(frozen=True, slots=True)
class Account(Generic[SettingsT]):
    """One customer's connection to a remote system, as its connector sees it."""

    id: int
    name: str
    settings: SettingsT
    region: str  # ISO 3166 code for telephone numbers without a country, such as IL
    time_zone: str  # IANA name; what the remote means by local time


class Level(StrEnum):
    """Colour of a finding."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a self-check: what was looked at, how it is, and what to do about it."""

    topic: str  # stable word, such as `login`
    level: Level
    text: str  # one sentence in English; the page shows it as it is
    action: str = ""  # what to do next; empty where nothing is to be done


@dataclass(frozen=True, slots=True)
class Delivered:
    """One record that a webhook brought, named so that a repeated delivery is recognised."""

    stream: str
    remote_id: str
    payload: dict[str, Any]
    version: str = ""  # the remote's own mark of this state, for writing back


@dataclass(frozen=True, slots=True)
class Received:
    """What came of one webhook call.

    `events` are call events for the call state (telephony only); `records` go the way of every record;
    `answer` is the JSON body the remote expects, None for 204; a browser gets a page instead. `text` is plain text that it
    expects, such as that of a handshake. `odd` are parts that nobody understands, of a sender who proved who he is: they are
    kept, set aside.
    """

    records: tuple[Delivered, ...] = ()
    heard: tuple[bytes, ...] = ()  # telephony: raw messages for `Exchange.translator()`
    answer: dict[str, Any] | None = None
    page: bool = False  # a person's browser waits for the answer: a page that says thank you
    redirect: str = ""  # where it is sent instead, in the account's own settings
    text: str = ""
    odd: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class RulesMade:
    """What was done in a remote."""

    made: int
    removed: int
    missing: Sequence[str] = ()  # kinds of things there that no rule can be made for, in the remote's words


@dataclass(frozen=True, slots=True)
class HookRules(Generic[SettingsT]):
    """Rules in a remote that post to our hook, made and removed when a person asks.

    They need a key of somebody who may change settings there; it is used once and kept nowhere. Making them again
    replaces those that there were.
    """

    secret: str  # the setting that notifications show; the hub fills it in before rules show it
    key: str  # what the person is asked for, in English
    # Settings, that key, the address of our hook, and which streams are read (`Stream.key`). Raises ConnectorError.
    make: Callable[[SettingsT, str, str, Collection[str]], RulesMade]
    remove: Callable[[SettingsT, str, str], RulesMade]


@dataclass(frozen=True, slots=True)
class Connector(Generic[SettingsT]):
    """A connector's table of contents."""

    name: str  # the folder's name
    title: str
    docs: str  # address of the remote's documentation
    settings: type[SettingsT]
    check: Callable[[Account[SettingsT]], list[Finding]]  # tests the credentials; never raises ConnectorError
    receive: Callable[[Account[SettingsT], Hook], Received] | None = None
    # HTML of a form that posts to an address, to be copied into a page of one's own; empty where this account has none.
    # Posted with `hub_test`, it makes a test.
    snippet: Callable[[Account[SettingsT], str], str] | None = None
    exchange: Callable[[Account[SettingsT]], Exchange] | None = None
    remote: Callable[[Account[SettingsT], Tools], Remote] | None = None  # what is read in pages and written to
    transforms: Mapping[str, Callable[..., Any]] | None = None  # that only its own mappings may name
    consent: Consent[SettingsT] | None = None  # where a person allows it on a page of the remote
    hook_rules: HookRules[SettingsT] | None = None  # where a remote tells us only if somebody sets it up there
    largest_hook: int = 1 << 20  # bytes of one webhook call
    asks_by_get: bool = False  # its remote asks with GET whether the address is ours
    bare_answers: bool = False  # its remote wants 200 or 401 for a notification, and nothing in the answer
    help: str = ""  # a short text for the connect page: what to prepare in the remote system


@runtime_checkable
class ChecksHistory(Protocol):
    """What an exchange that keeps call records may offer beside `Exchange`."""

    def check_history(self, position: dict[str, Any] | None) -> Sequence[Finding]:
        """Say how far behind a saved position is, and whether it can still be gone on from; never raises."""


@runtime_checkable
class Checkable(Protocol):
    """What an open account may offer beside `Remote`: the whole self-check, with the access that the hub keeps for it.

    `Connector.check` has the settings alone, so where a person's consent lets us in, it cannot ask what we may do.
    """

    def check(self) -> Sequence[Finding]:
        """Look at everything that `Connector.check` looks at, and ask with the kept access; never raises ConnectorError."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at an account found (`Watched`)."""

    findings: Sequence[Finding]  # all that is known now, also what was found before and could not be asked again
    again: timedelta  # when to look next
    memory: Mapping[str, Any] = field(default_factory=dict)  # JSON, which the next look is given


# Says when a record of ours was taken in: kind of records and remote id, as of `Delivered`. None: it is not there.
Arrived = Callable[[str, str], datetime | None]


@runtime_checkable
class Watched(Protocol):
    """What an open account may offer beside `Remote`: to be looked at all the time, where things fail without a word.

    One look at a time. When the process dies in it, the next one has the memory of the one before.
    """

    def look(self, memory: Mapping[str, Any], arrived: Arrived) -> Look:
        """Look at what may be switched off, and mend what can be mended.

        Args:
            memory: of the last look; empty: there was none.

        Raises:
            ConnectorError: nothing could be asked; what was found before counts on.
        """
