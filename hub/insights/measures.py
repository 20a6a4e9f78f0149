"""What is counted of each kind of record: the hub's own fields that matter, and those that administrators defined.

Most are an expression that the database itself answers. Values with a rule that no database knows (masks, lists) are
read as distinct values, with how often each stands there, and judged here (`checks`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, String, Text, and_, case, cast, exists, func, literal, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from hub.accounting.models import DocumentRow
from hub.cti.models import CallRow, Recording, RecordingState
from hub.fields import seen
from hub.fields.definitions import Field
from hub.fields.models import Of, Type
from hub.identity.callers import PHONE
from hub.identity.models import Claim, Identifier, Party
from hub.identity.parties import EMAIL
from hub.identity.tax_id import KIND as TAX_ID
from hub.insights import checks
from hub.insights.checks import Judge
from hub.insights.kinds import CALL, DOCUMENT, LEAD, PARTY, Eyes, of_business
from hub.leads.models import Consent, LeadRow, Touchpoint
from hub.records.call import Outcome
from hub.records.document import DEBTS, Status
from hub.security.models import User
from hub.timeline.models import Note


class State(StrEnum):
    """How a field of one record stands."""

    EMPTY = "empty"
    INVALID = "invalid"  # something is there, but it is no valid value
    FILLED = "filled"


# The same for the database; an expression of a measure has one of these three numbers for each record.
NUMBERS: Mapping[State, int] = MappingProxyType({State.EMPTY: 0, State.INVALID: 1, State.FILLED: 2})
_EMPTY, _INVALID, _FILLED = NUMBERS.values()
NOTHING = ("", "null", '""', "[]", "{}")  # of values as JSON
_DIGITS = "0123456789"


@dataclass(frozen=True, slots=True)
class Measure:
    """One field as it is counted: either `state` says how it stands, or `raw` and `judge` do."""

    name: str
    state: ColumnElement[int] | None = None
    raw: ColumnElement[str] | None = None
    judge: Judge | None = None
    parent: ColumnElement[str] | None = None  # raw value of the field that this one depends on
    counts: ColumnElement[bool] | None = None  # of which records it is expected; None: of all
    field: Field | None = None  # that an administrator defined
    shown: ColumnElement[Any] | None = None  # what stands there, for a list
    is_json: bool = False  # `shown` is JSON
    points: str = ""  # it stands in identifiers of this kind

    @property
    def is_there(self) -> ColumnElement[bool]:
        """Whether something stands in `raw`."""
        return func.coalesce(self.raw, "").not_in(NOTHING)


def measures(of: Of, eye: Eyes) -> dict[str, Measure]:
    """Return what is counted of a kind of record, as far as somebody sees it, in the order of the page."""
    found = [*_OWN[of], *(_defined(of, one, eye) for one in seen.fields(eye.fields, of, eye.person.role).values())]
    return {one.name: one for one in found if eye.sees_money or one.field is None or one.field.type != Type.MONEY}


# --- the hub's own ------------------------------------------------------------------------------------------------


def _given(column: Any) -> ColumnElement[int]:
    """Say how a text stands that was checked when it was kept."""
    return case((func.coalesce(column, "") == "", _EMPTY), else_=_FILLED)


def _set(column: Any) -> ColumnElement[int]:
    return case((column.is_(None), _EMPTY), else_=_FILLED)


def _json(fields: InstrumentedAttribute[Any], name: str) -> ColumnElement[str]:
    """Return a value of a JSON column as its JSON text."""
    return cast(fields[name], Text)


def _listed(name: str) -> ColumnElement[int]:
    """Say how a list of a party stands, such as its addresses."""
    return case((func.coalesce(_json(Party.fields, name), "").in_(NOTHING), _EMPTY), else_=_FILLED)


def _name(column: Any, *beginnings: str) -> ColumnElement[int]:
    """Say how a name stands: who has none is called by an address or a number, and that is no name."""
    no_name = or_(column.contains("@"), func.substr(column, 1, 1).in_(beginnings))
    return case((func.coalesce(column, "") == "", _EMPTY), (no_name, _INVALID), else_=_FILLED)


def _owner(column: Any) -> ColumnElement[int]:
    """Say how an owner stands: whoever cannot sign in any more looks after nobody."""
    left = exists(select(User.id).where(User.id == column, User.disabled_at.is_not(None)))
    return case((column.is_(None), _EMPTY), (left, _INVALID), else_=_FILLED)


def _owner_name(column: Any) -> ColumnElement[str]:
    return select(User.name).where(User.id == column).scalar_subquery()


def _point(name: str, kind: str, said: str) -> Measure:
    """Count a phone, an e-mail or a tax id: one that is valid is enough; what could not be read is only a claim."""
    held = [Identifier.party_id == PARTY.id, Identifier.kind == kind, Identifier.valid_to.is_(None)]
    good = exists(select(Identifier.id).where(*held, Identifier.possible.is_(False), Identifier.blocked.is_(False)))
    unread = [Claim.party_id == PARTY.id, Claim.field == said, cast(Claim.value["keys"], Text) == "[]"]
    some = or_(exists(select(Identifier.id).where(*held)), exists(select(Claim.id).where(*unread)))
    return Measure(name, case((good, _FILLED), (some, _INVALID), else_=_EMPTY), points=kind)


def _recording() -> ColumnElement[int]:
    """Say how the recording of a call stands; one that was removed when its time was over had been there."""
    own = Recording.call_id == CALL.id
    kept = (RecordingState.READY, RecordingState.PURGED)
    good = exists(select(Recording.id).where(own, Recording.state.in_(kept)))
    some = exists(select(Recording.id).where(own, Recording.state != RecordingState.EMPTY))
    return case((good, _FILLED), (some, _INVALID), else_=_EMPTY)


def _consent() -> ColumnElement[int]:
    """Say how consents stand: an answer is yes or no; of those that a source does not tell, nobody knows."""
    asked = Consent.lead_id == LEAD.id
    known = exists(select(Consent.id).where(asked, Consent.checked.is_not(None)))
    return case((known, _FILLED), (exists(select(Consent.id).where(asked)), _INVALID), else_=_EMPTY)


def _campaign() -> Any:
    return select(Touchpoint.campaign_id).where(Touchpoint.lead_id == LEAD.id).scalar_subquery()


def _company_name() -> ColumnElement[str]:
    company = Party.__table__.alias("company")
    return select(company.c.name).where(company.c.id == PARTY.company_id).scalar_subquery()


_OWNER = Measure("owner", _owner(PARTY.owner_id), shown=_owner_name(PARTY.owner_id))
_PHONE, _EMAIL = _point("phone", PHONE, "phones"), _point("email", EMAIL, "emails")
_TAX_ID = _point("tax_id", TAX_ID, "tax_id")
_ADDRESS = Measure("address", _listed("addresses"), shown=_json(Party.fields, "addresses"), is_json=True)
_JOB_TITLE = Party.fields["job_title"].as_string()
_BIRTHDAY = _json(Party.fields, "birthday")
_ANSWERED = CALL.outcome == Outcome.ANSWERED
_NOTED = or_(CALL.disposition != "", exists(select(Note.id).where(Note.call_id == CALL.id)))
_SEVERAL = cast(CALL.candidates, String).not_in(NOTHING)
# Called as no administrator can call a field (`fields.names`): targets know them by their names.
_OWN: Mapping[Of, Sequence[Measure]] = MappingProxyType(
    {
        Of.PERSON: (
            Measure("name", _name(PARTY.name, "+", "(", *_DIGITS), shown=PARTY.name),
            _PHONE, _EMAIL,
            Measure("company", _set(PARTY.company_id), shown=_company_name()),
            Measure("job_title", _given(_JOB_TITLE), shown=_JOB_TITLE),
            _ADDRESS, _OWNER,
            Measure("birthday", raw=_BIRTHDAY, judge=checks.is_birthday, shown=_BIRTHDAY, is_json=True),
        ),
        Of.COMPANY: (
            Measure("name", _name(PARTY.name, "+"), shown=PARTY.name),
            _TAX_ID, _PHONE, _EMAIL, _ADDRESS, _OWNER,
            Measure("urls", _listed("urls"), shown=_json(Party.fields, "urls"), is_json=True),
        ),
        Of.LEAD: (
            Measure("name", _given(LEAD.name), shown=LEAD.name),
            Measure("phone", raw=LEAD.phone, judge=checks.is_phone, shown=LEAD.phone),
            Measure("email", _given(LEAD.email), shown=LEAD.email),
            Measure("campaign_id", _given(_campaign()), shown=_campaign()),
            Measure("owner", _owner(LEAD.owner_id), shown=_owner_name(LEAD.owner_id)),
            Measure("consents", _consent()),
        ),
        Of.CALL: (
            Measure("party", case((CALL.party_id.is_not(None), _FILLED), (_SEVERAL, _INVALID), else_=_EMPTY)),
            Measure("note", case((_NOTED, _FILLED), else_=_EMPTY), counts=_ANSWERED, shown=CALL.disposition),
            Measure("recordings", _recording(), counts=_ANSWERED),
        ),
        Of.DOCUMENT: (
            Measure("party", _set(DOCUMENT.party_id)),
            Measure(
                "due_date", _set(DOCUMENT.due_date), shown=DOCUMENT.due_date,
                counts=and_(DOCUMENT.kind.in_(sorted(DEBTS)), DOCUMENT.status != Status.DRAFT),
            ),
            Measure("number", _given(DOCUMENT.number), counts=DOCUMENT.status != Status.DRAFT, shown=DOCUMENT.number),
        ),
    }
)  # fmt: skip


# --- those that administrators defined ----------------------------------------------------------------------------

_VALUES: Mapping[Of, InstrumentedAttribute[Any]] = MappingProxyType(
    {
        Of.PERSON: Party.fields,
        Of.COMPANY: Party.fields,
        Of.LEAD: LeadRow.fields,
        Of.CALL: CallRow.fields,
        Of.DOCUMENT: DocumentRow.fields,
    }
)


def _defined(of: Of, field: Field, eye: Eyes) -> Measure:
    raw = _json(_VALUES[of], field.name)
    is_parties = of in (Of.PERSON, Of.COMPANY)
    counts = of_business(PARTY.business_id, eye) if field.type == Type.MONEY and is_parties else None
    if checks.is_plain(field):
        return Measure(field.name, _plain(field, raw), counts=counts, field=field, shown=raw, is_json=True)
    parent = _json(_VALUES[of], field.parent) if field.parent else None
    judge = checks.of_field(field)
    return Measure(field.name, raw=raw, judge=judge, parent=parent, counts=counts, field=field, shown=raw, is_json=True)


def _plain(field: Field, raw: ColumnElement[str]) -> ColumnElement[int]:
    """Say how a value without any rule stands, which its type alone decides; SQLite reads true and false as 1 and 0."""
    right = (
        func.substr(raw, 1, 1) == literal('"', Text)
        if field.type == Type.TEXT
        else raw.in_(("true", "false", "1", "0"))
    )
    return case((func.coalesce(raw, "").in_(NOTHING), _EMPTY), (right, _FILLED), else_=_INVALID)
