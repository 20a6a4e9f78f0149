"""One operation of the API: declared once, and from that checked, run, answered and documented.

    @serve(Operation("POST", "/notes", "Write a note", Right.USE, answer=Note, body=NewNote, status=201))
    def add_note(session: Session, body: NewNote) -> Note: ...

The view gets a session, its path's values, `query` and `body` as the declared models, and returns the declared answer.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from datetime import date as day
from enum import Enum
from functools import wraps
from typing import Annotated, Any, ParamSpec

from flask import Blueprint, Response, request
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import http_date

from hub.errors import UserError
from hub.security.policy import Right
from hub.web.api import access, idempotency
from hub.web.api.idempotency import Stored
from hub.web.api.paging import FIELD, FieldPaging, Query
from hub.web.api.problem import CONTENT_TYPE, FaultError, answer, fault_of, of_validation
from hub.web.frame import current_hub

PREFIX = "/api/v1"
JSON = "application/json"
MAX_BODY = 1 << 20  # bytes; also in the documentation

View = Callable[..., BaseModel | Response | None]
Asked = ParamSpec("Asked")


class Way(Enum):
    """What an operation does, and so which transaction it runs in."""

    READ = "read"
    WRITE = "write"  # rows only: the view gets the transaction that also keeps its Idempotency-Key
    OUTSIDE = "outside"  # tells a remote system something: the view opens its own, and gets an `effect_id`


class Body(BaseModel):
    """Base of all request bodies: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


def _in_range(at: datetime) -> datetime:
    if not 1900 <= at.year <= 2200:  # outside, conversions overflow
        raise ValueError("must lie between the years 1900 and 2200")
    return at.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_in_range)]
"""A time with its zone: 2026-11-22T09:30:00Z, or +02:00 (in an address: %2B02:00)."""


_TELEPHONE = frozenset({Right.DIAL, Right.CONTROL_OWN_CALL})


@dataclass(frozen=True, slots=True)
class Deprecated:
    """That an operation is to go.

    Args:
        sunset: the last day on which it is sure to be there.
        instead: what to use, in a sentence.
    """

    since: day
    sunset: day
    instead: str

    @property
    def headers(self) -> Mapping[str, str]:
        """What each answer says of it. Sources: RFC 9745 (a Date of RFC 9651), RFC 8594 (an HTTP date)."""
        began, ends = (datetime.combine(one, time(), UTC) for one in (self.since, self.sunset))
        return {"Deprecation": f"@{int(began.timestamp())}", "Sunset": http_date(ends)}


@dataclass(frozen=True, slots=True)
class Operation:
    """What is declared of one operation.

    Args:
        rule: below /api/v1, in Flask's form.
        subject: what it hands out or changes, where that is not the first word of the rule.
        for_every_token: also for one that is limited to some scopes, whichever these are.
        answer: None: nothing (204), or a file where `content_type` says so.
        errors: what it may answer beside the usual.
    """

    method: str
    rule: str
    summary: str
    right: Right
    answer: type[BaseModel] | None
    query: type[Query] | None = None
    body: type[Body] | None = None
    status: int = 200
    way: Way = Way.READ
    errors: tuple[int, ...] = ()
    content_type: str = JSON
    description: str = ""
    takes_file: bool = False  # the body is a file, which the view reads (`file_of_body`)
    subject: str = ""
    for_every_token: bool = False
    deprecated: Deprecated | None = None
    tells_secret: bool = False  # the answer is kept for nobody who asks again

    @property
    def idempotent(self) -> bool:
        """Whether an Idempotency-Key counts."""
        return self.method == "POST" and not self.tells_secret

    @property
    def scope(self) -> str:
        """What a token must be limited to, if it is limited; empty: it need not."""
        if self.for_every_token:
            return ""
        way = "read" if self.method == "GET" else "dial" if self.right in _TELEPHONE else "write"
        return f"{self.subject or self.rule.split('/')[1]}:{way}"


@dataclass(frozen=True, slots=True)
class Served:
    """An operation and the name of its view."""

    operation: Operation
    name: str


blueprint = Blueprint("api", __name__, url_prefix=PREFIX)
SERVED: list[Served] = []


def scopes() -> list[str]:
    """Return all scopes that a token can be limited to; `hub.web.api.v1` has put every operation there is in place."""
    return sorted({served.operation.scope for served in SERVED} - {""})


def serve(operation: Operation) -> Callable[[View], View]:
    """Put a view under the declared address."""

    def register(view: View) -> View:
        name = getattr(view, "__name__", "")

        blueprint.add_url_rule(operation.rule, name, answering(operation, view), methods=[operation.method])
        SERVED.append(Served(operation, name))
        return view

    return register


def answering(operation: Operation, view: View) -> Callable[..., Response]:
    """Return what answers requests with a view, and refuses those that it is not to see."""

    @as_problem
    def run(**path: Any) -> Response:
        return _run(operation, view, path)

    def answered(**path: Any) -> Response:
        response = run(**path)
        if operation.deprecated:
            response.headers.extend(operation.deprecated.headers)
        return response

    return answered


def as_problem(view: Callable[Asked, Response]) -> Callable[Asked, Response]:
    """Answer every exception of a view as problem+json; the page errors of the application never come to a program."""

    @wraps(view)
    def safe(*args: Asked.args, **kwargs: Asked.kwargs) -> Response:
        try:
            return view(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - `fault_of` logs what nobody foresaw
            return answer(fault_of(error))

    return safe


def _run(operation: Operation, view: View, path: Mapping[str, Any]) -> Response:
    access.require(operation.right)
    access.require_scope(operation.scope)
    given: dict[str, Any] = dict(path)
    query = read_query(operation.query or Query)
    if operation.query:
        given["query"] = query
    sent = _read_json() if operation.body else None
    if operation.body:
        given["body"] = _validate(operation.body, sent)
    match operation.way:
        case Way.READ:
            with current_hub().db.read() as session:
                return _response(operation, view(session, **given))
        case Way.WRITE:
            return _write(operation, view, given, sent)
        case Way.OUTSIDE:
            return _outside(operation, view, given, sent)


def read_body(most: int) -> bytes:
    """Return the body as it was sent, also where the sender does not say how long it is.

    Raises:
        RequestEntityTooLarge: it has more than `most` bytes (413).
    """
    _limit(most)
    body = request.get_data(parse_form_data=False)
    if len(body) > most:
        raise RequestEntityTooLarge
    return body


def file_of_body(most: int) -> Iterator[bytes]:
    """Yield the body as it comes: a file, which is never held as a whole.

    Raises:
        RequestEntityTooLarge: it has more than `most` bytes (413).
    """
    _limit(most)
    left = most
    while block := request.stream.read(MAX_BODY):
        left -= len(block)
        if left < 0:
            raise RequestEntityTooLarge
        yield block


def _limit(most: int) -> None:
    request.max_content_length = request.max_form_memory_size = most
    if request.content_length is None:
        # Werkzeug cuts a body in chunks at the limit and says nothing, so that one byte more tells.
        request.max_content_length = most + 1
        if "asgi.scope" in request.environ:
            # An ASGI server ends the body itself, but the bridge to WSGI does not say so; without this word a body
            # in chunks would count as none.
            request.environ["wsgi.input_terminated"] = True


def read_query(model: type[Query]) -> Query:
    """Read the query string into a model; a list may be written `kind=call,email` or `kind=call&kind=email`."""
    values: dict[str, Any] = {}
    of_fields: dict[str, Any] = {}
    for name, texts in request.args.lists():
        if any("\0" in text for text in texts):  # PostgreSQL holds no such text
            raise FaultError(400, f"{name}: is not valid text", "bad_query", name)
        if name.startswith(FIELD) and issubclass(model, FieldPaging):
            of_fields[name.removeprefix(FIELD)] = texts if len(texts) > 1 else texts[0]
            continue
        field = model.model_fields.get(name)
        many = field is not None and getattr(field.annotation, "__origin__", None) is tuple
        if many:
            values[name] = [part for text in texts for part in text.split(",")]
        else:
            values[name] = texts[0] if len(texts) == 1 else texts
    if of_fields and "field" not in values:
        values["field"] = of_fields
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise of_validation(error, status=400, error_id="bad_query") from None


def _read_json() -> Any:
    if request.mimetype != JSON:
        raise FaultError(415, f"Send the body as Content-Type: {JSON}", "not_json")
    try:
        sent = from_json(read_body(MAX_BODY), allow_inf_nan=False)
    except ValueError as error:
        raise FaultError(400, f"The body is not JSON: {error}", "bad_json") from None
    if any("\0" in text for text in _texts(sent)):  # PostgreSQL holds no such text
        raise FaultError(422, "The body has the character U+0000 in a text", "invalid")
    return sent


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value; its depth is bounded by the parser."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, dict):
        yield from value
        for part in value.values():
            yield from _texts(part)


def _validate(model: type[Body], sent: Any) -> Body:
    try:
        return model.model_validate(sent)
    except ValidationError as error:
        raise of_validation(error, status=422, error_id="invalid") from None


def _write(operation: Operation, view: View, given: Mapping[str, Any], sent: Any) -> Response:
    key = _key(operation)
    with current_hub().db.write() as session:
        if key is None:
            return _response(operation, view(session, **given))
        taken = idempotency.claim(session, access.current_token_id(), key, _fingerprint(sent))
        if isinstance(taken, Stored):
            return _again(taken)
        response = _response(operation, view(session, **given))
        idempotency.finish(session, taken, _stored(response))
        return response


def _outside(operation: Operation, view: View, given: Mapping[str, Any], sent: Any) -> Response:
    key = _key(operation)
    database = current_hub().db
    if key is None:
        return _response(operation, view(effect_id="", **given))
    with database.write() as session:
        taken = idempotency.claim(session, access.current_token_id(), key, _fingerprint(sent))
    if isinstance(taken, Stored):
        return _again(taken)
    try:
        response = _response(operation, view(effect_id=taken.effect_id, **given))
    except (UserError, FaultError) as error:
        fault = fault_of(error)
        if fault.status < 500:  # refused: nothing was done, so the same key may be used again
            with database.write() as session:
                idempotency.release(session, taken)
            raise
        response = answer(fault)  # the remote may have heard us: nobody asks it twice under one key
    with database.write() as session:
        idempotency.finish(session, taken, _stored(response))
    return response


def _key(operation: Operation) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is None or not operation.idempotent:
        return None
    idempotency.check_key(key)
    return key


def _fingerprint(sent: Any) -> str:
    return idempotency.fingerprint(request.method, request.path, sent)


def _stored(response: Response) -> Stored:
    return Stored(response.status_code, response.get_data(as_text=True))


def _again(stored: Stored) -> Response:
    response = _json(stored.body, stored.status)
    if stored.status >= 400:
        response.content_type = CONTENT_TYPE
    response.headers["Idempotent-Replayed"] = "true"
    return response


def _response(operation: Operation, said: BaseModel | Response | None) -> Response:
    if isinstance(said, Response):
        return said
    return _json("" if said is None else said.model_dump_json(), 204 if said is None else operation.status)


def _json(body: str, status: int) -> Response:
    response = Response(body, status, content_type=JSON if body else None)
    response.headers["Cache-Control"] = "no-store"
    return response
