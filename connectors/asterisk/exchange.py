"""One Asterisk as the hub sees it: a telephone exchange that is heard, told and asked."""

import re
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, BinaryIO

from connectors.asterisk import agi, ami
from connectors.asterisk.actions import Actions
from connectors.asterisk.records import check_position, history
from connectors.asterisk.settings import AsteriskSettings
from connectors.asterisk.translate import AmiTranslator
from hub.connector.contract import Account, Finding
from hub.connector.exchange import Classify, DialOrder, FileFacts, Greeting, HistoryPage, Inquiry, Sink, Translator
from hub.records.telephony import Endpoint, EndpointClass

# Channels that nobody stands behind. Source: the channel technologies that Asterisk registers for itself
# (main/core_unreal.c, main/message.c, main/bridge.c, apps/app_confbridge.c, res/res_stasis_snoop.c).
INTERNAL = frozenset(
    {
        "announcer",
        "audiosocket",
        "bridge",
        "cbann",
        "cbrec",
        "confbridgerecorder",
        "message",
        "multicastrtp",
        "outgoingspoolfailed",
        "recorder",
        "snoop",
        "surrogate",
        "unicastrtp",
        "websocket",
    }
)
PHONE_TECHNOLOGIES = frozenset({"pjsip", "sip", "iax2", "sccp", "skinny", "unistim"})
INSTANCE = re.compile(r"-[0-9a-fA-F]{8,}(?:;[12])?\Z")
EXTENSION = re.compile(r"^[0-9]{2,6}\Z")


class AsteriskExchange:
    """One account's exchange; implements `hub.connector.exchange.Exchange`."""

    def __init__(self, account: Account[AsteriskSettings]) -> None:
        self._account = account
        self._settings = account.settings
        self._actions = Actions(account.settings)
        self._recordings = account.settings.recordings()
        self._records = account.settings.record_source(account.time_zone)

    @property
    def silent_s(self) -> float | None:
        """None: Asterisk can be asked for its channels."""
        return None

    def listen(self, sink: Sink, stop: threading.Event) -> None:
        """Hear events until `stop`; reconnects by itself with growing delays, never raises."""
        ami.listen(self._settings, sink, stop)

    def translator(self) -> Translator:
        """Return a new translator for the raw messages that `listen` brings."""
        return AmiTranslator()

    def dial(self, order: DialOrder) -> None:
        """Ring the agent's phone, then call the number; returns when the exchange took the order."""
        self._actions.dial(order)

    def hang_up(self, channel: str) -> None:
        """End one channel by name; GoneError when it has ended already."""
        self._actions.hang_up(channel)

    def transfer(self, channel: str, extension: str) -> None:
        """Send what is connected to `channel` (an agent's) blind to an extension or number."""
        self._actions.transfer(channel, extension)

    def pause_recording(self, channel: str, *, paused: bool) -> None:
        """Stop or go on writing the recording of this channel's call."""
        self._actions.pause_recording(channel, paused=paused)

    def recording_facts(self, path: str) -> FileFacts:
        """Say size and age of a recording file."""
        return self._recordings.facts(path)

    def open_recording(self, path: str, *, start: int = 0) -> BinaryIO:
        """Open a recording for reading from byte `start`."""
        return self._recordings.open(path, start=start)

    def remove_recording(self, path: str) -> None:
        """Remove a recording for good."""
        self._recordings.remove(path)

    def history(self, position: dict[str, Any] | None, since: datetime, classify: Classify) -> Iterator[HistoryPage]:
        """Read the exchange's own call records from a saved position; nothing where no source is configured."""
        yield from history(self._records, position, since, classify)

    def check_history(self, position: dict[str, Any] | None) -> list[Finding]:
        """Say for the self-test how far behind a saved position is, and whether its file is still there."""
        return check_position(self._records, position)

    @property
    def attends(self) -> bool:
        """True where FastAGI has a port."""
        return bool(self._settings.agi_port)

    def attend(self, answer: Callable[[Inquiry], Greeting], stop: threading.Event) -> None:
        """Answer the exchange's questions about callers until `stop`; returns at once where not configured."""
        agi.attend(self._settings, answer, stop)

    def guess(self, channel: str) -> Endpoint:
        """Say what probably stands behind a channel name that the administrator has not classified yet."""
        return guess(channel)


def guess(channel: str) -> Endpoint:
    """Guess by the form of the name: glue, a phone called by its number, the exchange's own, else the outside."""
    technology, _, rest = channel.partition("/")
    if technology == "AsyncGoto":
        # A channel on its way to another place of the dialplan carries its own name after this.
        return guess(rest)
    technology = technology.lower()
    if technology == "local":
        return Endpoint(EndpointClass.LOCAL)
    if technology in INTERNAL or not rest:
        return Endpoint(EndpointClass.IGNORE)
    endpoint = INSTANCE.sub("", rest)
    if technology in PHONE_TECHNOLOGIES and EXTENSION.match(endpoint):
        return Endpoint(EndpointClass.EXTENSION, endpoint)
    return Endpoint(EndpointClass.TRUNK)
