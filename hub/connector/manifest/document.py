"""A manifest as it is written: what it may say, and nothing else.

It is data alone: constants, names of settings and dotted paths. There is no expression and no code in it; the only
templates are links and paths with the record's own values in braces. What a record's fields mean is not said here but in
`mappings/`.
"""

import re
from collections.abc import Mapping
from string import Formatter
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from hub.connector.dotted import parse_path

MOST_STREAMS = 40
MOST_SETTINGS = 40
LONGEST = 500  # characters of one text
DEEPEST = 6  # levels of a body
_HOST = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9-]{0,62})(\.[a-z0-9]([a-z0-9-]{0,62}))+", re.IGNORECASE)
_PLACE = re.compile(r"(/[^\s/?#\\{}%]+( [^\s/?#\\{}%]+)*)*/?")
_BASE = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(/[^\s?#\\]*)?")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,60}")
_FORBIDDEN_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "connection", "cookie", "authorization"})

Constant = str | int | bool


class Part(BaseModel):
    """Base of everything in a manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


# --- small things -----------------------------------------------------------------------------------------------


def _dotted(path: str) -> str:
    if path:
        parse_path(path)
    return path


def _placed(path: Any) -> Any:
    """Check where a request goes: below the base address, and nowhere else."""
    if isinstance(path, str) and (not path.startswith("/") or not _PLACE.fullmatch(path) or _climbs(path)):
        raise ValueError("it must begin with / and stand below the base address: no ? # { } % and no ..")
    return path


def _climbs(path: str) -> bool:
    return any(part.strip(".") == "" and part for part in path.split("/"))


def _template(text: str) -> str:
    """Check a path or link with values in braces: dotted paths only."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        raise ValueError(f"its braces do not match: {error}") from None
    for _, name, form, conversion in parts:
        if name is None:
            continue
        if form or conversion or not name:
            raise ValueError("in braces stands a dotted path of the record and nothing else")
        parse_path(name)
    if _climbs(re.sub(r"\{[^}]*\}", "x", text).partition("?")[0].removeprefix("https://")):
        raise ValueError("no .. in it")
    return text


def _below(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError("it must begin with /")
    return _template(text)


def _link(text: str) -> str:
    if not text.startswith(("{base_url}/", "https://")):
        raise ValueError("it must begin with {base_url}/ or https://")
    return _template(text)


def setting_of(value: Any) -> str | None:
    """Return the name of the setting that a value stands for; None: it is a constant."""
    return value["setting"] if isinstance(value, dict) and list(value) == ["setting"] else None


def _value(value: Any) -> Any:
    if isinstance(value, str | int | bool):
        return value
    name = setting_of(value)
    if not isinstance(name, str):
        raise ValueError('a text, a whole number, true, false, or { setting = "name" }')  # noqa: TRY004 - pydantic wants it
    return value


def _body(value: Any, depth: int = 0) -> Any:
    if depth > DEEPEST:
        raise ValueError(f"nested deeper than {DEEPEST}")
    if isinstance(value, list):
        return [_body(one, depth + 1) for one in value]
    if isinstance(value, dict) and setting_of(value) is None:
        return {name: _body(one, depth + 1) for name, one in value.items()}
    return _value(value)


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _header(name: str) -> str:
    if not _HEADER.fullmatch(name):
        raise ValueError(f"{name[:60]!r} is no name of a header")
    return name


def _headers(named: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in named.items():
        if _header(name).lower() in _FORBIDDEN_HEADERS:
            raise ValueError(f"the header {name} is the hub's own")
        if not value.isprintable() or not value.isascii():
            raise ValueError(f"the header {name} has signs that do not belong there")
    return named


def _host(name: str) -> str:
    if not _HOST.fullmatch(name):
        raise ValueError(f"{name[:80]!r} is no host; such as api.example.com or *.example.com")
    return name.lower()


def _base(address: str) -> str:
    if address and not _BASE.fullmatch(address):
        raise ValueError("an address such as https://api.example.com/v1, without ? and #")
    return address


Text = Annotated[str, Field(max_length=LONGEST)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
Dotted = Annotated[str, Field(max_length=LONGEST), AfterValidator(_dotted)]
Value = Annotated[Any, AfterValidator(_value)]
Values = dict[Text, Value]
Body = Annotated[dict[str, Any], AfterValidator(_body)]
Place = Annotated[Any, AfterValidator(_value), AfterValidator(_placed)]
HeaderName = Annotated[Text, AfterValidator(_header)]
Headers = Annotated[dict[str, Text], AfterValidator(_headers)]
Word = Annotated[str, Field(min_length=1, max_length=100)]


# --- settings and access ------------------------------------------------------------------------------------------


class Setting(Part):
    """One thing that the administrator enters for an account."""

    title: Annotated[str, Field(min_length=1, max_length=40)]
    description: Annotated[str, Field(min_length=1, max_length=LONGEST)]
    type: Literal["text", "integer", "boolean"] = "text"
    secret: bool = False
    required: bool = False
    default: Constant | None = None

    @model_validator(mode="after")
    def _fits(self) -> "Setting":
        wanted = {"text": str, "integer": int, "boolean": bool}[self.type]
        if self.default is not None and type(self.default) is not wanted:
            raise ValueError(f"default: it is no {self.type}")
        if self.secret and (self.type != "text" or self.default is not None):
            raise ValueError("a secret is a text without a default")
        return self


class NoAuth(Part):
    """Nobody asks who we are."""

    type: Literal["none"]


class QueryKey(Part):
    """A key in the address."""

    type: Literal["query"]
    name: Word
    value: Value


class HeaderKey(Part):
    """A key in a header of its own; several values stand together with a colon, as Frappe wants it."""

    type: Literal["header"]
    name: HeaderName
    prefix: Text = ""
    value: Annotated[list[Value], BeforeValidator(_listed), Field(min_length=1, max_length=4)]


class Basic(Part):
    """User and password with every request (RFC 7617)."""

    type: Literal["basic"]
    user: Value
    password: Value


class Bearer(Part):
    """A token with every request (RFC 6750)."""

    type: Literal["bearer"]
    value: Value


class BodyKeys(Part):
    """Keys in the JSON body of every POST."""

    type: Literal["body"]
    values: Values = Field(min_length=1)


class ClientCredentials(Part):
    """OAuth 2 without a person (RFC 6749, 4.4)."""

    type: Literal["client_credentials"]
    path: Place
    client: Value
    secret: Value
    scope: Text = ""
    in_body: bool = False  # else user and password of the request for a token


class Hmac(Part):
    """Every request is signed (RFC 2104)."""

    type: Literal["hmac"]
    secret: Value
    header: HeaderName
    prefix: Text = ""
    algorithm: Literal["sha256", "sha512", "sha1"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    sign: list[Literal["method", "path", "query", "body", "body_hash", "time", "nonce", "key"]] = Field(min_length=1)
    separator: Annotated[str, Field(max_length=3)] = "\n"
    key: Value = ""
    key_header: HeaderName | None = None
    time_header: HeaderName | None = None
    time_form: Literal["unix", "unix_ms", "iso"] = "unix"
    nonce_header: HeaderName | None = None


class Login(Part):
    """A token, or cookies of a session, in exchange for credentials."""

    type: Literal["login"]
    path: Place
    body: Body
    token: Dotted = ""  # where the answer has it; with `cookies` none is needed
    cookies: list[Word] = Field(default=[], max_length=5)
    send: Literal["bearer", "header", "query", "cookie"] = "bearer"
    name: Text = ""  # of the header, or of the parameter
    prefix: Text = ""
    expires: Dotted = ""  # where the answer says how long it is good
    expires_in: Literal["seconds", "minutes", "unix"] = "seconds"
    lives_s: Annotated[int, Field(ge=120, le=31_536_000)] = 900  # where it does not

    @model_validator(mode="after")
    def _is_whole(self) -> "Login":
        if bool(self.token) == bool(self.cookies) or (self.send == "cookie") != bool(self.cookies):
            raise ValueError('give `token`, or `cookies` with send = "cookie"')
        if self.send in {"header", "query"} and not self.name:
            raise ValueError("`name` is missing: of the header, or of the parameter")
        return self


Auth = Annotated[
    NoAuth | QueryKey | HeaderKey | Basic | Bearer | BodyKeys | ClientCredentials | Hmac | Login,
    Field(discriminator="type"),
]


# --- paging -------------------------------------------------------------------------------------------------------


class _Sized(Part):
    """What pages have in common. Names are of the query, or of the body of a POST."""

    size_param: Text = ""
    size: Annotated[int, Field(ge=1, le=10_000)] = 100
    total: Dotted = ""  # where the answer says how many records there are in all


class SinglePage(_Sized):
    """All at once."""

    type: Literal["single"]


class NumberedPages(_Sized):
    """Pages by number."""

    type: Literal["page"]
    param: Word
    start: Literal[0, 1] = 1
    pages: Dotted = ""  # where the answer says how many pages there are


class OffsetPages(_Sized):
    """So many records are left out; `$skip` and `$top` of OData."""

    type: Literal["offset"]
    param: Word


class TokenPages(_Sized):
    """The answer names the next page by a token."""

    type: Literal["cursor"]
    param: Word
    next: Annotated[Dotted, Field(min_length=1)]


class LinkHeaderPages(_Sized):
    """The header `Link` has the address of the next page (RFC 8288)."""

    type: Literal["link_header"]


class NextLinkPages(_Sized):
    """The answer has the address of the next page; `@odata.nextLink` of OData."""

    type: Literal["next_link"]
    next: Annotated[Dotted, Field(min_length=1)]


class KeysetPages(_Sized):
    """Records behind the last one, in the order of a key that never changes."""

    type: Literal["keyset"]
    field: Annotated[Dotted, Field(min_length=1)]
    param: Text = ""  # without it: a filter of the dialect
    order: Values = {}


Paging = Annotated[
    SinglePage | NumberedPages | OffsetPages | TokenPages | LinkHeaderPages | NextLinkPages | KeysetPages,
    Field(discriminator="type"),
]


# --- what changed -------------------------------------------------------------------------------------------------

# How a moment is written in a record or in a question.
MomentForm = Literal[
    "iso",  # 2026-11-22T10:00:00Z
    "local",  # 2026-11-22 10:00:00, as the remote's own clock has it
    "date",  # 2026-11-22
    "compact",  # 20261122
    "unix",
    "unix_ms",
]


class ParamCursor(Part):
    """A parameter asks for what changed since."""

    type: Literal["param"]
    param: Word
    field: Annotated[Dotted, Field(min_length=1)]
    form: MomentForm = "iso"
    first: Text = ""  # sent by a pass from the beginning, where the remote wants the parameter always
    overlap_s: Annotated[int, Field(ge=0, le=2_678_400)] = 600


class FilterCursor(Part):
    """A filter of the manifest's dialect asks for what changed since."""

    type: Literal["filter"]
    field: Annotated[Dotted, Field(min_length=1)]
    literal: Literal["datetime3", "datetime4", "quoted", "date", "quoted_date"] = "datetime4"
    order: Values = {}  # newest first, so that a look which finds nothing new is short
    overlap_s: Annotated[int, Field(ge=0, le=2_678_400)] = 600


class StopWhenOlder(Part):
    """There is no question for changes: newest first, read until it is older."""

    type: Literal["stop_when_older"]
    field: Annotated[Dotted, Field(min_length=1)]
    order: Values = Field(min_length=1)
    overlap_s: Annotated[int, Field(ge=0, le=2_678_400)] = 600


class Window(Part):
    """There is no trace of changes: documents of the last days are read again with each look."""

    type: Literal["window"]
    field: Annotated[Dotted, Field(min_length=1)]  # the day of a document
    since_param: Text = ""  # without it: a filter of the dialect on `field`
    until_param: Text = ""
    form: MomentForm = "date"
    literal: Literal["datetime3", "datetime4", "quoted", "date", "quoted_date"] = "datetime4"
    days: Annotated[Any, AfterValidator(_value)] = 60
    first: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] = "2000-01-01"
    ahead_days: Annotated[int, Field(ge=1, le=3660)] = 400
    order: Values = {}


class NoCursor(Part):
    """Everything is read with each look."""

    type: Literal["none"]


Change = Annotated[ParamCursor | FilterCursor | StopWhenOlder | Window | NoCursor, Field(discriminator="type")]


# --- streams ------------------------------------------------------------------------------------------------------


class Skip(Part):
    """Records that are none for the hub, by one of their values."""

    field: Annotated[Dotted, Field(min_length=1)]
    values: list[Word] = Field(min_length=1, max_length=50)
    reason: Name = "other_record"


class Beside(Part):
    """What another listing says of the same records, such as what is still open; it is put into each of them by a name."""

    name: Name
    path: Place
    records: Dotted = ""
    field: Annotated[Dotted, Field(min_length=1)]  # in the other listing
    same_as: Annotated[Dotted, Field(min_length=1)]  # in our record
    filter: Text = ""  # beside the one for these records
    at_once: Annotated[int, Field(ge=1, le=50)] = 20


class Lines(Part):
    """Where the answer to `one` has a document's lines, and what they say."""

    at: Annotated[Dotted, Field(min_length=1)]
    text: Annotated[Dotted, Field(min_length=1)]
    quantity: Dotted = ""
    unit: Dotted = ""
    price: Dotted = ""
    net: Dotted = ""


class Stream(Part):
    """One listing."""

    name: Name
    records: Name | None = None  # kind of records, the name of the mapping; if not given, `name`
    title: Annotated[str, Field(min_length=1, max_length=80)]
    path: Place
    method: Literal["GET", "POST"] = "GET"
    search: bool = False  # of a POST: it only asks
    query: Values = {}
    body: Body = {}
    headers: Headers = {}
    filter: Text = ""  # of the dialect
    at: Dotted = ""  # where the answer has the records; empty: it is the list itself
    id: Annotated[list[Dotted], BeforeValidator(_listed), Field(min_length=1, max_length=4)]
    page: Paging
    cursor: Change
    skip: list[Skip] = Field(default=[], max_length=10)
    beside: list[Beside] = Field(default=[], max_length=3)
    one: Annotated[str, Field(max_length=LONGEST), AfterValidator(_below)] | None = None
    one_body: dict[
        Word, Annotated[str, Field(max_length=LONGEST), AfterValidator(_template)]
    ] = {}  # of a POST that asks
    one_at: Dotted = ""
    keep: list[Word] = Field(default=[], max_length=100)  # of a record; empty: all of it
    by_filter: bool = False  # single records by a filter of the dialect
    id_is: Literal["text", "number", "guid"] = "text"  # in such a filter
    lines: Lines | None = None
    pdf: Annotated[str, Field(max_length=LONGEST), AfterValidator(_below)] | None = None
    link: Annotated[str, Field(max_length=LONGEST), AfterValidator(_link)] | None = None
    ids_query: Values = {}  # what makes a listing of ids alone shorter
    deletes: Literal["sweep", "status"] = "sweep"  # a remote that deletes without a word is swept
    every_min: Annotated[int, Field(ge=1, le=10_080)] = 15
    full_every_h: Annotated[int, Field(ge=1, le=8_760)] | None = 168

    @property
    def kind(self) -> str:
        """What the mapping is called."""
        return self.records or self.name

    @model_validator(mode="after")
    def _makes_sense(self) -> "Stream":
        if self.method == "POST" and not self.search:
            raise ValueError("method POST must say `search = true`: that it only asks, and changes nothing")
        if self.method == "GET" and (self.body or self.search):
            raise ValueError("`body` and `search` speak of a POST")
        if self.lines is not None and self.one is None:
            raise ValueError("`lines` are read from `one`, and there is none")
        if self.one_body and self.one is None:
            raise ValueError("`one_body` is sent to `one`, and there is none")
        is_ordered = isinstance(self.cursor, StopWhenOlder)
        if is_ordered and isinstance(self.page, KeysetPages):
            raise ValueError("keyset pages have an order of their own: stop_when_older cannot be read by them")
        return self


# --- the whole ----------------------------------------------------------------------------------------------------


class Limits(Part):
    """How much may be asked."""

    per_minute: Annotated[int, Field(ge=1, le=100_000)] = 60
    per_second: Annotated[int, Field(ge=1, le=1_000)] | None = None
    concurrent: Annotated[int, Field(ge=1, le=10)] = 1
    silence_s: Annotated[int, Field(ge=1, le=86_400)] = 60  # after "too much" without a Retry-After


class ErrorWord(Part):
    """What an answer says in the remote's own words, and what follows. The first that fits counts."""

    status: Annotated[int, Field(ge=200, le=599)] | None = None
    at: Dotted = ""
    is_: Annotated[list[Word], BeforeValidator(_listed), Field(alias="is", max_length=50)] = []
    contains: Text = ""
    means: Literal["auth", "scope", "disabled", "limited", "retry", "gone", "rejected"]

    @model_validator(mode="after")
    def _looks(self) -> "ErrorWord":
        if self.status is None and not self.at:
            raise ValueError("give `status`, or `at` with `is` or `contains`")
        if (self.is_ or self.contains) and not self.at:
            raise ValueError("`is` and `contains` need `at`: where the word stands")
        return self


class Probe(Part):
    """A question that answers whether we are let in."""

    path: Place
    method: Literal["GET", "POST"] = "GET"
    query: Values = {}
    body: Body = {}


class Manifest(Part):
    """A whole manifest."""

    version: Literal[1]
    name: Name
    title: Annotated[str, Field(min_length=1, max_length=60)]
    docs: Annotated[str, Field(pattern=r"^https://[^\s]+$", max_length=LONGEST)]
    help: Annotated[str, Field(min_length=1, max_length=1000)]
    proven: bool = False  # against a live account; else it is said that it is not
    base_url: Annotated[str, AfterValidator(_base)] = ""  # empty: the administrator enters it
    base_path: Annotated[Any, AfterValidator(_placed)] = ""  # below what the administrator entered
    hosts: list[Annotated[str, AfterValidator(_host)]] = Field(default=[], max_length=20)
    headers: Headers = {}
    dialect: Literal["", "odata3", "odata4", "frappe"] = ""
    settings: Annotated[dict[Name, Setting], Field(max_length=MOST_SETTINGS)] = {}
    auth: Annotated[list[Auth], BeforeValidator(_listed), Field(min_length=1, max_length=4)]
    check: Probe | None = None
    limits: Limits = Limits()
    message: Annotated[list[Dotted], BeforeValidator(_listed), Field(max_length=8)] = []
    error: list[ErrorWord] = Field(default=[], max_length=60)
    stream: list[Stream] = Field(min_length=1, max_length=MOST_STREAMS)
