"""Whose number is this? The look-up while the phone rings, and again when the call goes to the timeline."""

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Row, Select, Text, bindparam, literal, or_, select
from sqlalchemy.orm import Session

from hub.identity import rules
from hub.identity.models import Identifier, NumberRule, Party, PartyStatus
from hub.identity.phone import PhoneContext, PhoneKind, PhoneVerdict, read

PHONE = "phone"  # `identifier.kind` of every telephone number; `label` has its PhoneKind
CUSTOMER_NUMBER = "customer_number"  # the company's own number of a customer
TAIL = 9  # digits by which numbers of unknown country still find each other
_MOBILE = {PhoneKind.MOBILE, PhoneKind.PERSONAL, PhoneKind.PAGER}


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of the other side of a call.

    `number` is E.164 where the number is valid, else as the exchange wrote it; empty: withheld or none.
    `parties` has one id where it is sure, several where a person must choose, none where nobody knows.
    """

    number: str
    parties: tuple[int, ...] = ()
    nobody: rules.NobodyReason | None = None
    keyed: bool = False  # found by the customer number that the caller keyed in: a claim, not a proof

    @property
    def sure(self) -> int | None:
        return self.parties[0] if len(self.parties) == 1 else None


def who(session: Session, raw: str, context: PhoneContext, *, at: datetime) -> Found:
    """Look up a number as an exchange wrote it; at most three indexed queries.

    Args:
        at: when the call started; numbers given up before then do not count.
    """
    reading = read(raw, context)
    if not reading.phones:
        if reading.verdict in {PhoneVerdict.WITHHELD, PhoneVerdict.JUNK}:
            return Found("", nobody=rules.NobodyReason.WITHHELD)
        return _as_written(session, raw, rules.caller_identifier(reading), at)
    phone = reading.phones[0]
    ruled = session.execute(_RULE, {"number": phone.number}).scalar()
    if ruled == "own":
        return Found(phone.key, nobody=rules.NobodyReason.OWN_NUMBER)
    answer = rules.resolve_call(rules.caller_identifier(reading), candidates(session, phone.number), at=at)
    return _found(phone.key, answer)


def _found(number: str, answer: rules.Same | rules.Unsure | rules.Nobody) -> Found:
    match answer:
        case rules.Same(party=party):
            return Found(number, (party,))
        case rules.Unsure(parties=parties):
            return Found(number, parties)
        case rules.Nobody(reason=reason):
            return Found(number, nobody=reason)


def _as_written(session: Session, raw: str, caller: rules.Identifier | rules.Nobody, at: datetime) -> Found:
    """Look up a number that no numbering plan knows: by exactly what was written."""
    number = raw.strip()
    ours = {rules.NobodyReason.EXTENSION, rules.NobodyReason.OWN_NUMBER, rules.NobodyReason.SHORT_CODE}
    if isinstance(caller, rules.Nobody) and caller.reason in ours:
        return Found(number, nobody=caller.reason)
    asked = rules.Identifier(rules.IdentifierKind.POSSIBLE_PHONE, number)
    return _found(number, rules.resolve_call(asked, candidates(session, number), at=at))


def who_keyed(session: Session, keyed: str, found: Found) -> Found:
    """Narrow down, or find, by the customer number that a caller keyed in."""
    query = (
        select(Identifier.party_id)
        .join(Party, Party.id == Identifier.party_id)
        .where(
            Identifier.kind == CUSTOMER_NUMBER,
            Identifier.value == keyed,
            Identifier.valid_to.is_(None),
            Party.status == PartyStatus.ACTIVE,
        )
        .limit(2)
    )
    owners = session.scalars(query).all()
    return replace(found, parties=(owners[0],), nobody=None, keyed=True) if len(owners) == 1 else found


def candidates(session: Session, number: str) -> list[rules.Candidate]:
    """Return the parties that hold a number, with or without an extension; by its last nine digits where none does.

    Args:
        number: E.164 without extension.
    """
    rows = session.execute(_HOLDERS_OF_LINE, {"number": number}).all()
    if not rows and len(number) > TAIL:
        rows = session.execute(_HOLDERS_OF_TAIL, {"tail": number[-TAIL:]}).all()
    held: dict[int, list[rules.Held]] = defaultdict(list)
    for row in rows:
        held[row.id].append(_held(row, number))
    parties = {row.id: row for row in rows}
    return [
        rules.Candidate(p.id, rules.PartyKind(p.kind), p.name, tuple(held[p.id]), works_at=p.company_id)
        for p in parties.values()
    ]


def is_line(number: str | BindParameter[str]) -> ColumnElement[bool]:
    """Say of an identifier that it is this number, with or without an extension.

    One range of the index, and then the longer numbers in it left out: of a plain OR, SQLite reads all phones.
    """
    value = Identifier.value
    line: ColumnElement[str] = literal(number) if isinstance(number, str) else number
    return value.between(line, line + ";~") & or_(value == line, value >= line + ";")


def _holders(where: ColumnElement[bool]) -> Select[Any]:
    held, party = Identifier.__table__.c, Party.__table__.c
    return (
        select(
            party.id, party.kind, party.name, party.company_id,
            held.label, held.value, held.raw, held.shared, held.blocked, held.valid_to,
        )
        .join_from(Identifier.__table__, Party.__table__, party.id == held.party_id)
        .where(held.kind == PHONE, where, party.status == PartyStatus.ACTIVE)
        .order_by(party.id)
        .limit(50)
    )  # fmt: skip


# Asked while a phone rings: of columns and made once, since to build them takes longer than to run them.
_RULE = select(NumberRule.__table__.c.rule).where(NumberRule.__table__.c.value == bindparam("number"))
_HOLDERS_OF_LINE = _holders(is_line(bindparam("number", type_=Text())))
_HOLDERS_OF_TAIL = _holders((Identifier.tail == bindparam("tail")) & Identifier.possible)


def _held(row: Row[Any], number: str) -> rules.Held:
    kind = rules.IdentifierKind.MOBILE if row.label in _MOBILE else rules.IdentifierKind.FIXED
    # Found by its tail: its own text is not the number that called, but the match is what counts.
    value = row.value if row.value.startswith(number) else number
    return rules.Held(rules.Identifier(kind, value, raw=row.raw), row.shared, row.blocked, row.valid_to)
