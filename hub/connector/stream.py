"""What a connector offers that is read in pages and written to: streams, writers, push channels; and what it gets for it.

A stream is one kind of record in one container of an account: the mail of a mailbox, one calendar, the contacts. The
hub asks it for a page, keeps the page and the cursor behind it in one transaction, and asks for the next. The stream
itself remembers nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any, Protocol, Self, runtime_checkable

from hub.connector.hook import Hook
from hub.connector.sift import Verdict
from hub.records.mail import Mail


class Lane(IntEnum):
    """What goes first. A person waits for the first; nobody waits for the last."""

    INTERACTIVE = 0
    INCREMENTAL = 1
    BACKFILL = 2


class Phase(StrEnum):
    FULL = "full"  # from the beginning; what a complete pass does not show is gone
    INCREMENTAL = "incremental"  # what changed since `token`
    SWEEP = "sweep"  # the hub's own: a complete pass is over, what it did not show is being marked
    PROVE = "prove"  # a pass that did not show everything is over; what it did not show is asked for by id
    LEAVE = "leave"  # the container is no more; what it showed is asked for by id, and then it is not read any more


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where to resume reading a stream. All texts are the remote's own and mean nothing to the hub."""

    phase: Phase = Phase.FULL
    token: str = ""  # what to ask the next incremental pass with
    page: str = ""  # the next page of this pass; empty: its first
    anchor: str = ""  # a mark taken before the listing began, so that nothing falls between
    asked: str = ""  # hash of what was asked for (Stream.asked); another one begins a new epoch
    opened_at: datetime | None = None  # when the full pass began
    rest: Mapping[str, Any] = field(default_factory=dict)  # whatever else the stream needs to go on

    def as_json(self) -> dict[str, Any]:
        """Return it as the database keeps it."""
        opened_at = self.opened_at.isoformat() if self.opened_at else None
        return {**asdict(self), "phase": str(self.phase), "opened_at": opened_at}

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote."""
        opened_at = kept.get("opened_at")
        return cls(
            phase=Phase(kept.get("phase", Phase.FULL)),
            token=kept.get("token", ""),
            page=kept.get("page", ""),
            anchor=kept.get("anchor", ""),
            asked=kept.get("asked", ""),
            opened_at=datetime.fromisoformat(opened_at) if opened_at else None,
            rest=kept.get("rest", {}),
        )


@dataclass(frozen=True, slots=True)
class Upsert:
    """A record as it is now. `version` is the remote's own mark (etag, changeKey), for writing back."""

    remote_id: str
    payload: dict[str, Any]
    version: str = ""
    container: str = ""  # key of the stream it lies in, where that may be another one than found it


@dataclass(frozen=True, slots=True)
class Gone:
    """The remote said that a record is no more."""

    remote_id: str


@dataclass(frozen=True, slots=True)
class Left:
    """A record left this container. It may be in another one: that it is gone needs proof (`Findable`)."""

    remote_id: str


@dataclass(frozen=True, slots=True)
class Filtered:
    """A record that is not for the hub: only a hash of its id, the reason and the day are kept."""

    remote_id: str
    reason: str  # a stable word
    day: date | None = None


Change = Upsert | Gone | Left | Filtered


@dataclass(frozen=True, slots=True)
class Page:
    """One page of changes. The end of a pass is `more=False`, never an empty page."""

    changes: Sequence[Change]
    next: Cursor
    more: bool
    complete: bool = True  # last page of a full pass: everything there is was shown, so the rest is gone
    expected: int | None = None  # records of this pass, as far as the remote says


@runtime_checkable
class Stream(Protocol):
    """One kind of record in one container."""

    @property
    def key(self) -> str:
        """Unique in the account, such as `calendar:noa@example.com:primary`."""

    @property
    def title(self) -> str:
        """What the administrator reads."""

    @property
    def records(self) -> str:
        """Kind of record, a colon, and where its ids are unique: `calendar:noa@example.com:primary`, or the kind alone.

        It is the stream of the raw records; the kind is the name of the mapping.
        """

    @property
    def mailbox(self) -> str:
        """Whose it is, where an account has several; requests of one mailbox share its limits."""

    @property
    def asked(self) -> str:
        """What is asked for, in short; another text means a pass from the beginning."""

    @property
    def every(self) -> timedelta:
        """How often to look."""

    @property
    def full_every(self) -> timedelta | None:
        """How often to begin anew, where a remote's tokens die of age."""

    def begin(self) -> Cursor:
        """Return the cursor of a pass from the beginning; a remote's anchor is asked for here, first.

        Raises:
            ConnectorError: as of `pull`.
        """

    def pull(self, cursor: Cursor) -> Page:
        """Return the page at a cursor.

        Raises:
            CursorExpired: the remote forgot it; the hub begins anew.
            LimitedError, RetryLaterError: the same again later.
            AuthError, ScopeError, DisabledError: a person is needed.
        """


@runtime_checkable
class Findable(Protocol):
    """What a stream may offer besides: single records by their ids, and which ids there are."""

    def find(self, remote_ids: Sequence[str]) -> Sequence[Change]:
        """Return these records as they are now; of one that is no more, Gone."""

    def present(self, since: datetime) -> frozenset[str]:
        """Return the ids of all records of this stream since a moment: for the audit."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many records a remote itself counts in a stream, beside those that it lists."""

    least: int
    most: int  # as `least`, where the count stood still while it was listed
    listed: frozenset[str]  # ids


@runtime_checkable
class Counts(Protocol):
    """What a stream may offer besides: the remote's own count, which the audit compares with what the hub has."""

    def tally(self) -> Tally | None:
        """Return it; None: the remote does not say.

        Raises:
            ConnectorError: not now.
        """


@runtime_checkable
class HasFiles(Protocol):
    """What a stream of mails may offer besides: the files that came with them, fetched when somebody wants one."""

    def file(self, remote_id: str, number: str) -> Iterator[bytes]:
        """Return a file of a record, in blocks as they arrive; errors come while it is read.

        Args:
            number: of the part, as the record's own payload says.

        Raises:
            GoneError: the record, or this part of it, is no more.
            RejectedError: there is such a part, and it is no file.
            ConnectorError: as of `Stream.pull`.
        """


@runtime_checkable
class HasPhotos(Protocol):
    """What a remote may offer besides: the pictures of people that its records name by an address."""

    def photo(self, url: str, *, largest: int) -> bytes:
        """Return what lies at the address of a picture; what it is, the caller looks.

        Args:
            url: as a record says it, so anybody may have written it.
            largest: bytes; of what is larger nothing more is read.

        Raises:
            RejectedError: it is no address of this remote's pictures, or what lies there is too large.
            GoneError: it is no more.
            RetryLaterError: not now.
        """


@runtime_checkable
class HasMedia(Protocol):
    """What a remote may offer besides: the files of its messages."""

    def media(self, media: str, *, largest: int) -> bytes:
        """Return a file; what it is, the caller looks.

        Args:
            media: the remote's id of it, as a message says.
            largest: bytes; of what is larger nothing more is read.

        Raises:
            RejectedError: it is too large, or the remote does not hand it out.
            GoneError: it is no more.
            RetryLaterError: not now.
        """


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a write."""

    remote_id: str
    version: str = ""
    payload: dict[str, Any] | None = None  # the record as the remote answered it, where it did
    container: str = ""  # key of the stream it lies in, where several show records of its kind


class Writer(Protocol):
    """Writes records of one kind. Each write can be repeated: the same key, the same effect, once."""

    def create(self, values: Mapping[str, Any], *, key: str) -> Written:
        """Make a record. `key` is the same however often it is tried; where it is there already, that one is returned.

        Raises:
            RejectedError: never again; the remote refused it.
            UnknownFateError: nobody knows whether it was made, and a second try might make another one.
        """

    def update(self, remote_id: str, values: Mapping[str, Any], *, version: str, key: str) -> Written:
        """Change fields of a record; those not given stay.

        Raises:
            ConflictError: it changed since `version`; read it again and merge.
            GoneError: it is no more.
        """

    def delete(self, remote_id: str, *, version: str, key: str) -> None:
        """Take a record away; of one that is no more this is success."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A push channel as it is now."""

    key: str  # of the stream it hints at
    id: str  # the remote's name of it; one that is renewed in place keeps it
    expires_at: datetime | None
    renew_at: datetime | None  # when `ensure` is to be asked again
    secret: str = ""  # what its notifications prove themselves with; sealed at rest
    facts: Mapping[str, Any] = field(default_factory=dict)  # what else is needed to renew or stop it


@dataclass(frozen=True, slots=True)
class Named:
    """A record that a notification named; what it is, the remote is asked for (`FindsNamed`)."""

    records: str  # as of `Stream.records`
    mailbox: str  # as of `Stream.mailbox`
    remote_id: str
    at: datetime | None = None  # when it happened, as the notification says
    said: Mapping[str, Any] = field(default_factory=dict)  # its own words, kept until the record is there


@dataclass(frozen=True, slots=True)
class NotYet:
    """The remote does not show a named record now; it is asked for again, for a day and a half, less and less often."""

    remote_id: str
    why: str


@runtime_checkable
class FindsNamed(Protocol):
    """What a remote may offer besides: records that its notifications named, a few at a time."""

    def find_named(self, records: str, mailbox: str, remote_ids: Sequence[str]) -> Sequence[Upsert | Filtered | NotYet]:
        """Return these records as they are now, each as one of the three.

        Raises:
            ConnectorError: for all of them, such as a permission that was taken away; they wait until it is back.
        """


@dataclass(frozen=True, slots=True)
class Choice:
    """A container as a person chooses it: a form, a folder, a calendar, with what its remote says of it now."""

    key: str  # of its stream
    title: str
    is_wanted: bool
    state: str = ""  # active, archived, deleted, draft; empty: the remote knows no such thing
    total: int | None = None  # records that there ever were; None: not said
    organic: int | None = None  # of them, without an ad
    expired: int | None = None  # of them, no longer shown by the remote
    why: str = ""  # that it cannot be asked for now; the remote's own words
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where containers stand together: a page with its forms, a mailbox with its folders."""

    key: str
    title: str


@runtime_checkable
class Chooses(Protocol):
    """What a remote may offer besides: containers that a person switches on and off. The choice is kept in the settings."""

    def shelves(self) -> Sequence[Shelf]:
        """Return where containers stand. Raises ConnectorError: the remote cannot be asked."""

    def choices(self, shelf: str) -> Sequence[Choice]:
        """Return the containers of one shelf, switched off ones too. Raises ConnectorError: the remote cannot be asked."""

    def choose(self, key: str, *, wanted: bool) -> Mapping[str, Any]:
        """Return the settings that change when a container is switched on or off; asks nobody.

        Raises:
            GoneError: it is no such container.
        """

    def kept_for(self) -> timedelta | None:
        """Return how long the remote shows a record; None: for ever."""


@dataclass(frozen=True, slots=True)
class Hinted:
    """What a notification said."""

    keys: Sequence[str] = ()  # of streams; also of other accounts of this connector, where they share a queue
    answer: str = ""  # text that the remote wants back, such as that of a handshake; empty: none
    renew: Sequence[str] = ()  # streams of this account whose channels `ensure` is to renew now
    named: Sequence[Named] = ()  # records of this account
    odd: Sequence[Mapping[str, Any]] = ()  # parts that nobody understands, of a sender who proved who he is
    lists: bool = False  # there are streams that we do not know yet


@dataclass(frozen=True, slots=True)
class Fetched:
    """What lay in a queue."""

    keys: Sequence[str] = ()  # as of `Hinted`
    receipts: Sequence[str] = ()  # what `acknowledge` is told, once the hints are kept


class Push(Protocol):
    """Notifications of a remote. They are hints: lost, doubled or forged they cost a look, never a record."""

    @property
    def queue(self) -> str:
        """Name of the queue that must be asked (Pub/Sub pull); accounts with the same name share it. Empty: none."""

    def ensure(self, stream: Stream, channel: Channel | None, address: str) -> Channel | None:
        """Return a stream's channel: the present one while it is good, else a new or renewed one; None: it has none.

        One stream at a time, so that each channel is saved before the next is opened; one that was opened by a process
        that died before it saved it is unknown to us, and ends by itself.

        Args:
            channel: as it was saved. Where the answer has another id, the hub saves that and then stops this one.
            address: of our hook, as the remote reaches it; empty where it cannot.

        Raises:
            ConnectorError, ShapeError: this stream is only polled until the next try.
        """

    def stop(self, channel: Channel) -> None:
        """Close a channel; one that is closed already is fine."""

    def hinted(self, hook: Hook, channels: Sequence[Channel], address: str) -> Hinted:
        """Return what a notification says.

        Raises:
            HookError: it is not from whom it says.
            RetryLaterError: who sent it cannot be found out just now.
        """

    def fetch(self) -> Fetched:
        """Wait for a while for hints in the queue. What is not acknowledged comes again."""

    def acknowledge(self, receipts: Sequence[str]) -> None:
        """Take from the queue what was kept."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What OAuth gave: tokens, and what for. Sealed at rest."""

    refresh_token: str
    access_token: str = ""
    expires_at: datetime | None = None  # of the access token
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limit:
    """A remote's limit: so many units in a minute, shared by everybody who spends under this name."""

    name: str  # such as `google:project:123` or `google:gmail:noa@example.com`
    per_minute: int
    is_shared: bool = False  # by mailboxes that have limits of their own besides


class Tools(Protocol):
    """What the hub gives to a connector that reads and writes."""

    @property
    def lane(self) -> Lane:
        """Who waits for this."""

    def spend(self, limits: Sequence[Limit], units: int) -> None:
        """Take units from every limit before a request.

        Raises:
            LimitedError: not now; says when.
        """

    def limited(self, limits: Sequence[Limit], retry_after: float) -> None:
        """Say that the remote wants silence; nobody spends from these limits before."""

    def access_token(
        self, refresh: Callable[[Grant], Grant], *, refused: str = "", mailbox: str = "", first: Grant | None = None
    ) -> str:
        """Return an access token that is good for a while; refreshed once, however many ask at the same time.

        Args:
            refresh: asks the remote; may be called once, by one of those who ask.
            refused: a token that the remote just refused, although it should be good.
            first: what to begin with where nobody has to consent: the remote knows a key of ours.

        Raises:
            AuthError: there is no grant, or the remote took it back.
        """

    def sift(self, mailbox: str, mails: Sequence[Mail]) -> Sequence[Verdict]:
        """Decide for each mail whether it may be kept; who we are, whom we know and what is private, the hub knows."""

    def customers(self, since: datetime | None, until: datetime, *, after: str, limit: int) -> Sequence[str]:
        """Return addresses that became known to the hub in a time (None: ever), in their order, those behind `after`."""


class Remote(Protocol):
    """An account that is open for reading and writing."""

    def streams(self) -> Sequence[Stream]:
        """Return what there is to read; may ask the remote which calendars or folders it has."""

    def stream(self, key: str) -> Stream:
        """Return one stream by its key, without asking the remote.

        Raises:
            GoneError: the settings no longer want it.
        """

    def writer(self, records: str, mailbox: str = "") -> Writer:
        """Return what writes records of a kind.

        Raises:
            RejectedError: nothing is written of this kind.
        """

    def push(self) -> Push | None:
        """Return the account's notifications; None where the remote has none."""
