"""What a rule can say: when it is looked at, of which fields it asks what, and what it does. Pure.

A condition is {"field": "call.talk_s", "operator": "at_most", "values": ["10"]}; an action names what it does and to whom:

    {"do": "task", "to": ["owner"], "text": "Call {customer}", "kind": "call_back", "hours": 4}
    {"do": "mail", "to": ["<id of a colleague>"], "text": "{customer} waits"}
    {"do": "notice", "to": ["everybody"], "text": "{customer} waits"}
    {"do": "assign", "to": ["<id of a colleague>"]}
    {"do": "field", "field": "importance", "value": "high"}
    {"do": "webhook", "endpoint": "<id>, or empty: each that wants such events"}
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from hub.events import types
from hub.fields.definitions import Field, Fields
from hub.fields.models import Of, Type
from hub.identity.rules import PartyKind
from hub.leads.models import Bucket, Stage
from hub.records.call import Direction, Outcome
from hub.records.document import DocumentKind, Side
from hub.records.ticket import TicketState

OWNER, EVERYBODY = "owner", "everybody"
PLACE = re.compile(r"\{(\w*)\}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}([.,][0-9]{1,6})?")


class When(StrEnum):
    """When a rule is looked at."""

    LEAD_CAME = "lead_came"
    LEAD_STAGE = "lead_stage"  # a lead comes to another stage
    LEAD_UNCHANGED = "lead_unchanged"  # an open lead has been in its stage for so many days
    CALL_MISSED = "call_missed"
    CALL_ENDED = "call_ended"
    MAIL_CAME = "mail_came"
    MESSAGE_CAME = "message_came"
    DOCUMENT_CAME = "document_came"
    INVOICE_OVERDUE = "invoice_overdue"  # for so many days
    TICKET_OPENED = "ticket_opened"
    TICKET_WAITS = "ticket_waits"  # open for so many days
    CUSTOMER_NEW = "customer_new"
    CUSTOMER_CHANGED = "customer_changed"
    NO_CONTACT = "no_contact"  # with a customer, for so many days
    CALL_BACK_LATE = "call_back_late"  # promised, and so many hours over


class Unit(StrEnum):
    """What `after` counts."""

    NONE = ""
    HOURS = "hours"
    DAYS = "days"


class About(StrEnum):
    """What the fields of a condition belong to; the first part of their names."""

    CUSTOMER = "customer"
    CALL = "call"
    MAIL = "mail"
    MESSAGE = "message"
    LEAD = "lead"
    DOCUMENT = "document"
    TICKET = "ticket"
    TASK = "task"
    TIME = "time"


class Kind(StrEnum):
    """What a field holds."""

    TEXT = "text"
    NUMBER = "number"
    CHOICE = "choice"
    CHOICES = "choices"
    YES_NO = "yes_no"
    DAY = "day"


class Operator(StrEnum):
    IS = "is"  # one of the values
    IS_NOT = "is_not"  # none of them
    CONTAINS = "contains"
    CONTAINS_NOT = "contains_not"
    AT_LEAST = "at_least"  # of a day: on it or after it
    AT_MOST = "at_most"
    FILLED = "filled"
    EMPTY = "empty"


class Do(StrEnum):
    """What a rule does."""

    TASK = "task"
    MAIL = "mail"  # to colleagues
    NOTICE = "notice"  # on screens
    ASSIGN = "assign"  # the lead, else the customer, to a colleague
    FIELD = "field"  # of the customer, which an administrator defined: a mark, an importance
    WEBHOOK = "webhook"


class TaskIs(StrEnum):
    CALL_BACK = "call_back"
    FOLLOW_UP = "follow_up"


@dataclass(frozen=True, slots=True)
class Moment:
    """What a `when` is about.

    Attributes:
        about: whose fields its conditions may ask for, besides the customer's and the time.
        events: types after which it is looked at; none: the clock asks.
    """

    about: tuple[About, ...] = ()
    events: frozenset[str] = frozenset()
    unit: Unit = Unit.NONE
    default: int = 0


def _after(kind: str, *, changed: bool = False) -> frozenset[str]:
    return frozenset({types.NEW[kind], *([types.CHANGED[kind]] if changed else [])})


MOMENTS: Mapping[When, Moment] = MappingProxyType(
    {
        When.LEAD_CAME: Moment((About.LEAD,), _after("lead")),
        When.LEAD_STAGE: Moment((About.LEAD,), frozenset({types.LEAD_STAGE})),
        When.LEAD_UNCHANGED: Moment((About.LEAD,), unit=Unit.DAYS, default=7),
        When.CALL_MISSED: Moment((About.CALL,), _after("call")),
        When.CALL_ENDED: Moment((About.CALL,), _after("call")),
        # What is written in a conversation changes its entry on the timeline.
        When.MAIL_CAME: Moment((About.MAIL,), _after("email", changed=True)),
        When.MESSAGE_CAME: Moment((About.MESSAGE,), _after("message")),
        When.DOCUMENT_CAME: Moment((About.DOCUMENT,), _after("document")),
        When.INVOICE_OVERDUE: Moment((About.DOCUMENT,), unit=Unit.DAYS, default=7),
        When.TICKET_OPENED: Moment((About.TICKET,), _after("ticket")),
        When.TICKET_WAITS: Moment((About.TICKET,), unit=Unit.DAYS, default=2),
        When.CUSTOMER_NEW: Moment((), frozenset({types.PARTY_CREATED})),
        When.CUSTOMER_CHANGED: Moment((), frozenset({types.PARTY_CHANGED})),
        When.NO_CONTACT: Moment((), unit=Unit.DAYS, default=60),
        When.CALL_BACK_LATE: Moment((About.TASK,), unit=Unit.HOURS, default=1),
    }
)
_LISTS = (Operator.IS, Operator.IS_NOT, Operator.FILLED, Operator.EMPTY)
OPERATORS: Mapping[Kind, tuple[Operator, ...]] = MappingProxyType(
    {
        Kind.TEXT: (
            Operator.IS, Operator.IS_NOT, Operator.CONTAINS, Operator.CONTAINS_NOT, Operator.FILLED, Operator.EMPTY
        ),
        Kind.NUMBER: (Operator.AT_LEAST, Operator.AT_MOST, Operator.IS, Operator.IS_NOT, Operator.FILLED, Operator.EMPTY),
        Kind.DAY: (Operator.AT_LEAST, Operator.AT_MOST, Operator.FILLED, Operator.EMPTY),
        Kind.CHOICE: _LISTS,
        Kind.CHOICES: _LISTS,
        Kind.YES_NO: (Operator.IS,),
    }
)  # fmt: skip
NO_VALUES = frozenset({Operator.FILLED, Operator.EMPTY})
ONE_VALUE = frozenset({Operator.AT_LEAST, Operator.AT_MOST})
YES, NO = "yes", "no"
PLACES = ("customer", "number", "title")  # what a text may name in braces


@dataclass(frozen=True, slots=True)
class Known:
    """A field that conditions may ask for.

    Attributes:
        options: what a choice may be, each as it is kept.
        defined: the field of an administrator that it is; None: the hub's own.
    """

    name: str
    kind: Kind
    options: tuple[str, ...] = ()
    defined: Field | None = None

    @property
    def about(self) -> About:
        return About(self.name.partition(".")[0])


def _own(name: str, kind: Kind = Kind.TEXT, options: Sequence[str] = ()) -> Known:
    return Known(name, kind, tuple(map(str, options)))


_WEEKDAYS = tuple(str(day) for day in range(1, 8))  # ISO: 1 is Monday
_OWN: tuple[Known, ...] = (
    _own("customer.known", Kind.YES_NO),
    _own("customer.kind", Kind.CHOICE, tuple(PartyKind)),
    _own("customer.name"),
    _own("customer.company"),
    _own("customer.job_title"),
    _own("customer.owned", Kind.YES_NO),  # somebody looks after them
    _own("call.direction", Kind.CHOICE, tuple(Direction)),
    _own("call.outcome", Kind.CHOICE, tuple(Outcome)),
    _own("call.number"),
    _own("call.line"),  # the number of ours that was dialled
    _own("call.queue"),
    _own("call.talk_s", Kind.NUMBER),
    _own("mail.from"),
    _own("mail.subject"),
    _own("message.channel"),
    _own("message.text"),
    _own("lead.form"),
    _own("lead.campaign"),
    _own("lead.platform"),
    _own("lead.bucket", Kind.CHOICE, [one for one in Bucket if one is not Bucket.TEST]),
    _own("lead.stage", Kind.CHOICE, tuple(Stage)),
    _own("lead.language"),
    _own("lead.owned", Kind.YES_NO),
    _own("document.kind", Kind.CHOICE, tuple(DocumentKind)),
    _own("document.side", Kind.CHOICE, tuple(Side)),
    _own("document.amount", Kind.NUMBER),
    _own("document.open", Kind.NUMBER),  # what is still to be paid
    _own("document.currency"),
    _own("ticket.state", Kind.CHOICE, tuple(TicketState)),
    _own("ticket.priority"),
    _own("ticket.title"),
    _own("ticket.group"),
    _own("task.title"),
    _own("time.weekday", Kind.CHOICE, _WEEKDAYS),
    _own("time.hour", Kind.NUMBER),
)
_KINDS = MappingProxyType(
    {
        Type.TEXT: Kind.TEXT, Type.PHONE: Kind.TEXT, Type.EMAIL: Kind.TEXT, Type.LINK: Kind.TEXT,
        Type.NUMBER: Kind.NUMBER, Type.DATE: Kind.DAY, Type.CHOICE: Kind.CHOICE, Type.CHOICES: Kind.CHOICES,
        Type.BOOLEAN: Kind.YES_NO,
    }
)  # fmt: skip
_DEFINED = (
    (About.CUSTOMER, Of.PERSON), (About.CUSTOMER, Of.COMPANY), (About.LEAD, Of.LEAD), (About.CALL, Of.CALL),
    (About.DOCUMENT, Of.DOCUMENT),
)  # fmt: skip
FIELDS = "fields"  # in the name of a field that an administrator defined: customer.fields.importance


def known(when: When, fields: Fields) -> dict[str, Known]:
    """Return the fields that conditions of a `when` may ask for, by name.

    An amount in a field of an administrator has its own currency each time, so there is nothing to compare it with.
    """
    about = {About.CUSTOMER, About.TIME, *MOMENTS[when].about}
    found = {one.name: one for one in _OWN if one.about in about}
    for whose, of in _DEFINED:
        for one in fields.of(of).values() if whose in about else ():
            if one.type in _KINDS:
                name = f"{whose}.{FIELDS}.{one.name}"
                options = tuple(option.value for option in one.options if not option.is_archived)
                found.setdefault(name, Known(name, _KINDS[one.type], options, one))
    return found


def settable(fields: Fields) -> dict[str, Field]:
    """Return the customers' fields that a rule may fill: lists and yes or no, which need no reading."""
    every = {**fields.of(Of.COMPANY), **fields.of(Of.PERSON)}
    return {name: one for name, one in every.items() if one.type in {Type.CHOICE, Type.CHOICES, Type.BOOLEAN}}


# --- conditions -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Condition:
    field: str
    operator: Operator
    values: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"field": self.field, "operator": str(self.operator), "values": list(self.values)}


def holds(condition: Condition, kind: Kind, found: Any) -> bool:
    """Say whether a condition holds for what a field says.

    Args:
        found: a text, number, truth, day or list, as `facts` gives it; None or empty: nothing is known.
    """
    if condition.operator is Operator.FILLED:
        return not _is_nothing(found)
    if condition.operator is Operator.EMPTY:
        return _is_nothing(found)
    if condition.operator in {Operator.IS_NOT, Operator.CONTAINS_NOT}:
        return _is_nothing(found) or not _any(condition, kind, found)
    return not _is_nothing(found) and _any(condition, kind, found)


def _is_nothing(found: Any) -> bool:
    return found is None or (isinstance(found, str | list | tuple) and not found)


def _any(condition: Condition, kind: Kind, found: Any) -> bool:
    return any(_one(condition.operator, kind, value, found) for value in condition.values)


def _one(operator: Operator, kind: Kind, wanted: str, found: Any) -> bool:
    match kind:
        case Kind.YES_NO:
            return found is (wanted == YES)
        case Kind.NUMBER:
            return _compared(operator, number(found), number(wanted))
        case Kind.DAY:
            return _compared(operator, day(found), day(wanted))
        case Kind.CHOICES:
            return wanted in found
        case Kind.CHOICE:
            return wanted == str(found)
    if operator in {Operator.CONTAINS, Operator.CONTAINS_NOT}:
        return _folded(wanted) in _folded(found)
    return _folded(wanted) == _folded(found)


def _compared(operator: Operator, found: Any, wanted: Any) -> bool:
    if found is None or wanted is None:
        return False
    if operator is Operator.AT_LEAST:
        return bool(found >= wanted)
    if operator is Operator.AT_MOST:
        return bool(found <= wanted)
    return bool(found == wanted)


def number(value: Any) -> Decimal | None:
    """Return a number; None: it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float | Decimal):
        return Decimal(repr(value) if isinstance(value, float) else value)
    text = str(value).strip()
    if not _NUMBER.fullmatch(text) or not text.isascii():
        return None
    try:
        return Decimal(text.replace(",", "."))
    except InvalidOperation:  # pragma: no cover - the pattern lets through numbers only
        return None


def day(value: Any) -> date | None:
    """Return a day, such as 2026-11-24; None: it is none."""
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None


def _folded(value: Any) -> str:
    return " ".join(str(value).casefold().split())


# --- actions --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a rule does. Which of the attributes it has depends on `do`."""

    do: Do
    to: tuple[str, ...] = ()  # ids of colleagues, OWNER, EVERYBODY
    text: str = ""
    kind: str = ""  # of a task
    hours: int = 0  # until a task is due
    field: str = ""
    value: Any = None
    endpoint: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as it is kept, without what it does not have."""
        own = {
            "do": str(self.do), "to": list(self.to), "text": self.text, "kind": self.kind, "hours": self.hours,
            "field": self.field, "value": self.value, "endpoint": self.endpoint,
        }  # fmt: skip
        return {name: own[name] for name in ("do", *HAS[self.do])}


HAS: Mapping[Do, tuple[str, ...]] = MappingProxyType(
    {
        Do.TASK: ("to", "text", "kind", "hours"),
        Do.MAIL: ("to", "text"),
        Do.NOTICE: ("to", "text"),
        Do.ASSIGN: ("to",),
        Do.FIELD: ("field", "value"),
        Do.WEBHOOK: ("endpoint",),
    }
)


def filled(text: str, words: Mapping[str, str]) -> str:
    """Return a text with what it names in braces; what nothing is known of is left out."""
    return " ".join(PLACE.sub(lambda found: words.get(found[1], ""), text).split())


# --- as rows keep them -----------------------------------------------------------------------------------------------


def as_kept(conditions: Sequence[Any], actions: Sequence[Any]) -> tuple[list[Condition], list[Action]]:
    """Return what a row keeps; it was read before it was kept."""
    return (
        [Condition(one["field"], Operator(one["operator"]), tuple(one["values"])) for one in conditions],
        [Action(Do(one["do"]), **_tupled({name: one[name] for name in one if name != "do"})) for one in actions],
    )


def _tupled(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(one) if isinstance(one, list) else one for name, one in values.items()}
