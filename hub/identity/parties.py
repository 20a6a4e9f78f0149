"""People and companies as a person keeps them: made, renamed, given numbers; every word of a person is a claim."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, bindparam, case, func, literal, or_, select, tuple_, update
from sqlalchemy.orm import Session

from hub.errors import NotFoundError, UserError
from hub.events import types
from hub.identity import in_step, rules, search, tax_id, told
from hub.identity.callers import PHONE, TAIL, is_line
from hub.identity.email import KIND as EMAIL_KIND
from hub.identity.email import read_email
from hub.identity.models import Claim, Identifier, NumberRule, Party, PartyKind, PartyStatus
from hub.identity.names import clean_name, spoken_name
from hub.identity.phone import Phone, PhoneContext, PhoneKind, PhoneVerdict, read
from hub.security import audit
from hub.security.models import User
from hub.security.policy import Person
from hub.store.among import among
from hub.store.base import UtcDateTime, now

EMAIL = EMAIL_KIND
TAX_ID = tax_id.KIND
KINDS = (PHONE, EMAIL, TAX_ID)
LONGEST_NAME = 400
# Built once: every page of a customer asks these, and building costs as much as asking.
_BY_PUBLIC_ID = select(Party).where(Party.public_id == bindparam("public_id"))
_party = Party.__table__.c  # plain: making objects of rows takes longer than to read them
_MERGED_INTO = select(_party.id).where(_party.merged_into.in_(bindparam("ids", expanding=True)))
_HELD = (
    select(Identifier)
    .where(Identifier.party_id == bindparam("party"), Identifier.valid_to.is_(None))
    .order_by(Identifier.id)
)
_HELD_NOW = (
    Identifier.kind == bindparam("kind"),
    among(Identifier.value, "values"),
    Identifier.valid_to.is_(None),
    Party.status == PartyStatus.ACTIVE,
)
_HOLDING = (
    select(
        Identifier.id, Identifier.kind, Identifier.value, Identifier.label, Identifier.shared,
        Party.kind.label("party_kind"), Party.name,
    )
    .join(Party, Party.id == Identifier.party_id)
    .where(*_HELD_NOW)
    .order_by(Identifier.id)
)  # fmt: skip
# Of most values there is one holder, and nothing to be said of it.
_SEVERAL = (
    select(Identifier.value)
    .join(Party, Party.id == Identifier.party_id)
    .where(*_HELD_NOW)
    .group_by(Identifier.value)
    .having(or_(func.count() > 1, func.max(case((Identifier.shared, 1), else_=0)) == 1))
)
_RULED_SHARED = select(NumberRule.value).where(
    NumberRule.rule == "shared", NumberRule.value.in_(bindparam("numbers", expanding=True))
)
_OF_NAME = (
    select(Party.name, func.min(Party.id).label("id"))
    .where(Party.kind == PartyKind.COMPANY, Party.name.in_(bindparam("names", expanding=True)))
    .where(Party.status == bindparam("status"))
    .group_by(Party.name)
)
NOTHING: Mapping[str, Any] = MappingProxyType({})
_MERGES = 50  # steps from a merged party to the one it is now; a chain is shortened at each merge


class Keep(Enum):
    """Stands for "leave as it is", where nothing is an answer too."""

    KEEP = "keep"


KEEP = Keep.KEEP


@dataclass(frozen=True, slots=True)
class Given:
    """A phone, e-mail or tax id as a person typed it."""

    kind: str
    raw: str


def create(  # noqa: PLR0913 - the fields of a new customer
    session: Session,
    person: Person | None,
    kind: str,
    name: str,
    identifiers: Iterable[Given] = (),
    *,
    region: str,
    company: Party | None = None,
    owner_id: int | None = None,
    begun: Mapping[str, Any] = NOTHING,
) -> Party:
    """Make a person or a company; `begun` is what administrators' fields of a new one begin with.

    Raises:
        UserError: no name, or an identifier that is none; `field` says which.
    """
    if kind not in set(PartyKind):
        raise UserError("A customer is a person or a company.", field="kind")
    party = Party(kind=kind, name=_name(name), fields=dict(begun))
    session.add(party)
    session.flush()
    keep_word(session, person, party, "name", party.name)
    for given in identifiers:
        _add(session, party, given, region)
    _set_company(session, person, party, company)
    _set_owner(session, person, party, owner_id)
    search.refresh(session, party.id)
    audit.record(session, person, "party.created", "party", party.public_id)
    told.parties(session, types.PARTY_CREATED, [party])
    return party


def get(session: Session, public_id: UUID) -> Party:
    """Return a party by the id that pages and programs use; of a merged one, what it is now.

    Raises:
        NotFoundError: there is none, or it was erased.
    """
    party = session.scalars(_BY_PUBLIC_ID, {"public_id": public_id}).first()
    party = _now_is(session, party)
    if party is None:
        raise NotFoundError("There is no such customer.")
    return party


def now_is(session: Session, number: int) -> Party | None:
    """Return the party that one is now, after all merges; None: it was erased."""
    return _now_is(session, session.get(Party, number))


def _now_is(session: Session, party: Party | None) -> Party | None:
    for _ in range(_MERGES):
        if party is None or party.merged_into is None:
            break
        party = session.get(Party, party.merged_into)
    return party if party is not None and party.status == PartyStatus.ACTIVE else None


def with_merged(session: Session, party: Party) -> tuple[int, ...]:
    """Return the party's id and those of all that were merged into it: the ids its timeline is read by."""
    ids, last = [party.id], [party.id]
    while last:
        last = [one for one in session.scalars(_MERGED_INTO, {"ids": last}) if one not in ids]
        ids += last
    return tuple(ids)


def identifiers(session: Session, party: Party) -> Sequence[Identifier]:
    """Return what points to a party, phones first; not what it gave up."""
    order = {PHONE: 0, EMAIL: 1}
    rows = session.scalars(_HELD, {"party": party.id})
    return sorted(rows, key=lambda row: order.get(row.kind, 2))


def by_number(session: Session, number: str) -> list[Party]:
    """Return who holds a number: exactly it (with its `;ext=`), else with any extension, else by its last nine digits.

    Several are a list for a person to choose from, never a guess.
    """
    main = number.partition(";")[0]
    digits = "".join(c for c in main if c.isdigit())
    exact = _holders(session, Identifier.value == number)
    if exact or not digits:
        return exact
    line = _holders(session, is_line(main))
    if line or len(digits) < TAIL:
        return line
    return _holders(session, Identifier.tail == digits[-TAIL:])


def holders_of(session: Session, kind: str, values: Iterable[str]) -> dict[str, int]:
    """Return who holds identifiers (normal form), where exactly one party does: several are nobody in particular."""
    wanted = sorted(set(values))
    if not wanted:
        return {}
    rows = session.execute(
        select(Identifier.value, Identifier.party_id).where(
            Identifier.kind == kind,
            Identifier.value.in_(wanted),
            Identifier.valid_to.is_(None),
            Identifier.blocked.is_(False),
        )
    )
    found: dict[str, set[int]] = {}
    for value, party_id in rows:
        found.setdefault(value, set()).add(party_id)
    return {value: next(iter(parties)) for value, parties in found.items() if len(parties) == 1}


def by_identifier(session: Session, kind: str, raw: str, *, region: str) -> list[Party]:
    """Return who holds a phone, e-mail or tax id as somebody typed it; nobody where it is none."""
    if kind == PHONE:
        phones = read(raw, PhoneContext(region=region)).phones
        return by_number(session, phones[0].key if phones else raw.strip())
    try:
        row = _identifier(session, Given(kind, raw), region)
    except UserError:
        return []
    exact = _holders(session, Identifier.value == row.value, kind=kind)
    if exact or kind != TAX_ID:
        return exact
    # Typed without the country that it is kept with, or kept without the one that is typed.
    return _holders(session, or_(Identifier.tail == row.tail, Identifier.value == row.tail), kind=kind)


def add_identifier(session: Session, person: Person | None, party: Party, given: Given, *, region: str) -> Identifier:
    """Give a party a phone, e-mail or tax id; one that it has already is returned as it is.

    Raises:
        UserError: it is none, or a number of our own.
    """
    row = _add(session, party, given, region)
    touched(session, person, party, "party.identifier_added", kind=row.kind)
    return row


def remove_identifier(session: Session, person: Person | None, party: Party, identifier_id: int) -> None:
    """Take an identifier off a party; who held it with others may now hold it alone.

    Raises:
        NotFoundError: it is not this party's.
    """
    row = session.get(Identifier, identifier_id)
    if row is None or row.party_id != party.id:
        raise NotFoundError("This number or address is no longer there.")
    kind, value = row.kind, row.value
    session.delete(row)
    session.flush()
    judge_shared(session, [(kind, value)])
    touched(session, person, party, "party.identifier_removed", kind=kind)


def edit(
    session: Session,
    person: Person | None,
    party: Party,
    *,
    name: str | Keep = KEEP,
    company: Party | Keep | None = KEEP,
    owner_id: int | Keep | None = KEEP,
    job_title: str | Keep = KEEP,
) -> None:
    """Change what a person says about a party; from then on no source changes it.

    Raises:
        UserError: the new name is empty, the owner is nobody, or the company is no company.
    """
    changed = []
    if not isinstance(name, Keep) and _name(name) != party.name:
        party.name = _name(name)
        keep_word(session, person, party, "name", party.name)
        changed.append("name")
    if not isinstance(company, Keep) and (company.id if company else None) != party.company_id:
        _set_company(session, person, party, company)
        changed.append("company")
    if not isinstance(owner_id, Keep) and owner_id != party.owner_id:
        _set_owner(session, person, party, owner_id)
        changed.append("owner")
    if not isinstance(job_title, Keep) and job_title.strip() != (party.fields.get("job_title") or ""):
        _set_job_title(session, person, party, job_title.strip())
        changed.append("job_title")
    if changed:
        touched(session, person, party, "party.changed", fields=changed)


def say(session: Session, person: Person | None, party: Party, values: Mapping[str, Any]) -> None:
    """Keep what a person says of fields that administrators defined; None: there is nothing. No source changes it then.

    Args:
        values: as they are kept (`hub.fields` reads them); all of them are other than now.
    """
    after = dict(party.fields)
    for name, value in values.items():
        keep_word(session, person, party, name, value)
        after.pop(name, None)
        if value is not None:
            after[name] = value
    party.fields = after
    touched(session, person, party, "party.changed", fields=sorted(values))


def company_named(
    session: Session, person: Person | None, name: str, begun: Mapping[str, Any] = NOTHING
) -> Party | None:
    """Return the company of exactly this name; make it where there is none. An empty name is no company."""
    if not name.strip():
        return None
    wanted = _name(name)
    number = companies_named(session, [wanted]).get(wanted)
    known = session.get(Party, number) if number is not None else None
    return known or create(session, person, PartyKind.COMPANY, wanted, region="", begun=begun)


def companies_named(session: Session, names: Collection[str]) -> dict[str, int]:
    """Return the companies of exactly these names, the oldest where several have one.

    A name that only a company has that was merged leads to what it is now, else a source that goes on to say it would make
    the company anew.
    """
    if not names:
        return {}
    wanted = {"names": sorted(names)}
    found = {row.name: int(row.id) for row in session.execute(_OF_NAME, {**wanted, "status": PartyStatus.ACTIVE})}
    if found.keys() >= set(names):
        return found
    for row in session.execute(_OF_NAME, {**wanted, "status": PartyStatus.MERGED}):
        if row.name not in found and (party := now_is(session, row.id)) is not None:
            found[row.name] = party.id
    return found


def recent(
    session: Session,
    *,
    limit: int = 30,
    more: Sequence[ColumnElement[bool]] = (),
    before: tuple[datetime, int] | None = None,
) -> Sequence[Party]:
    """Return the customers that were changed last, as far as they fulfil what is asked beside.

    Args:
        before: when the last one of the page before was changed, and its number.
    """
    query = select(Party).where(Party.status == PartyStatus.ACTIVE, *more)
    if before is not None:
        query = query.where(tuple_(Party.changed_at, Party.id) < tuple_(literal(before[0], UtcDateTime()), before[1]))
    return session.scalars(query.order_by(Party.changed_at.desc(), Party.id.desc()).limit(limit)).all()


def _name(raw: str) -> str:
    name = clean_name(raw)
    if not name or len(name) > LONGEST_NAME:
        raise UserError("Write a name of at most 400 characters.", error_id="party_name", field="name")
    return name


def _add(session: Session, party: Party, given: Given, region: str) -> Identifier:
    row = _identifier(session, given, region)
    known = session.scalars(
        select(Identifier).where(
            Identifier.party_id == party.id, Identifier.kind == row.kind, Identifier.value == row.value
        )
    ).first()
    if known is not None:
        known.valid_to = None
        known.link_id = None  # a person says so too, and no source takes it back
        return known
    row.party_id, row.raw = party.id, given.raw.strip()
    session.add(row)
    session.flush()
    judge_shared(session, [(row.kind, row.value)])
    return row


def _phone(session: Session, given: Given, region: str) -> Identifier:
    reading = read(given.raw, PhoneContext(region=region or None))
    if len(reading.phones) != 1:
        if reading.phones:
            raise UserError("Write one number, not several.", error_id="several_phones", field=PHONE)
        if reading.verdict is PhoneVerdict.NO_REGION:
            why = "Write the number with its country code, such as +48 22 123 45 67."
            raise UserError(why, error_id="no_region", field=PHONE)
        raise UserError("This is no telephone number.", error_id="bad_phone", field=PHONE)
    phone = reading.phones[0]
    if session.get(NumberRule, phone.number) is not None and _is_own(session, phone):
        raise UserError("This is one of our own numbers.", error_id="own_number", field=PHONE)
    return Identifier(
        kind=PHONE,
        value=phone.key,
        label=phone.kind,
        tail=phone.number[-TAIL:],
        possible=not phone.e164,
        shared=rules.phone_identifier(phone) is None,  # toll-free and the like: many call from it
    )


def _is_own(session: Session, phone: Phone) -> bool:
    return session.get_one(NumberRule, phone.number).rule == "own"


def _identifier(session: Session, given: Given, region: str) -> Identifier:
    """Read what a person typed; it is nobody's yet."""
    if given.kind == PHONE:
        return _phone(session, given, region)
    if given.kind == EMAIL:
        email = read_email(given.raw)
        if email is None:
            raise UserError("This is no e-mail address.", error_id="bad_email", field=EMAIL)
        return Identifier(kind=EMAIL, value=email.address)
    if given.kind == TAX_ID:
        found = tax_id.typed(given.raw, region)
        if found is None:
            raise UserError("This is no tax number.", error_id="bad_tax_id", field=TAX_ID)
        return Identifier(kind=TAX_ID, value=found.key, tail=found.value, possible=not found.is_valid)
    raise UserError(f"{given.kind!r} is none of: {', '.join(KINDS)}.", field="kind")


def judge_shared(session: Session, keys: Iterable[tuple[str, str]]) -> None:
    """Say of all who hold these values (kind, normal form) whether they still point to one of them by themselves."""
    wanted: dict[str, list[str]] = {}
    for kind, value in sorted(set(keys)):
        wanted.setdefault(kind, []).append(value)
    ruled = ruled_shared(session, wanted.get(PHONE, ()))
    turned: dict[bool, list[int]] = {True: [], False: []}
    for kind, all_values in wanted.items():
        values = set(session.scalars(_SEVERAL, {"kind": kind, "values": all_values}))
        values.update(value for value in all_values if value.partition(";")[0] in ruled)
        if not values:
            continue
        holders: dict[str, list[Any]] = {}
        for row in session.execute(_HOLDING, {"kind": kind, "values": sorted(values)}):
            holders.setdefault(row.value, []).append(row)
        for value, rows in holders.items():
            if kind == PHONE and _is_weak(rows[0].label):
                continue
            owners = [(rules.PartyKind(row.party_kind), spoken_name(row.name)) for row in rows]
            shared = len(rows) > 1 and rules.becomes_shared(rule_kind(rows[0]), owners)
            shared = shared or value.partition(";")[0] in ruled
            turned[shared] += [row.id for row in rows if row.shared != shared]
    for shared, ids in turned.items():
        if ids:
            session.execute(update(Identifier).where(Identifier.id.in_(ids)).values(shared=shared))


def ruled_shared(session: Session, values: Sequence[str]) -> set[str]:
    """Return the numbers of which the company said that many call from them."""
    numbers = {value.partition(";")[0] for value in values}
    if not numbers:
        return set()
    return set(session.scalars(_RULED_SHARED, {"numbers": sorted(numbers)}))


def _is_weak(label: str) -> bool:
    return label in rules.WEAK_PHONES


def rule_kind(row: Identifier | Row[Any]) -> rules.IdentifierKind:
    """Return what a stored identifier (its kind, value and label) is to the rules."""
    if row.kind == EMAIL:
        email = read_email(row.value)
        return rules.IdentifierKind.ROLE_MAILBOX if email and email.role else rules.IdentifierKind.EMAIL
    if row.kind == TAX_ID:
        return rules.IdentifierKind.TAX_ID
    if row.kind != PHONE:
        return rules.IdentifierKind.REMOTE_ID  # a remote's own id of a person
    mobile = {PhoneKind.MOBILE, PhoneKind.PERSONAL, PhoneKind.PAGER}
    return rules.IdentifierKind.MOBILE if row.label in mobile else rules.IdentifierKind.FIXED


def rule_of(row: Any, party_kind: str, value: str = "") -> rules.Identifier | None:
    """Return what a stored identifier is to the rules; None: it identifies nobody.

    Args:
        row: an `Identifier`, or its kind, value, label and possible.
        party_kind: of whoever holds it.
        value: its normal form, where the caller knows it better.
    """
    value = value or row.value
    if row.kind == TAX_ID:
        return rules.tax_identifier(tax_id.of_key(value), rules.PartyKind(party_kind))
    if row.kind == PHONE and row.label in rules.WEAK_PHONES:
        return None
    if row.kind == PHONE and row.possible:
        return rules.Identifier(rules.IdentifierKind.POSSIBLE_PHONE, value)
    found = rule_kind(row)
    return None if found is rules.IdentifierKind.REMOTE_ID else rules.Identifier(found, value)


def _holders(session: Session, where: Any, *, kind: str = PHONE) -> list[Party]:
    return list(
        session.scalars(
            select(Party)
            .join(Identifier, Identifier.party_id == Party.id)
            .where(
                Identifier.kind == kind,
                where,
                Identifier.valid_to.is_(None),
                Identifier.blocked.is_(False),
                Party.status == PartyStatus.ACTIVE,
            )
            .distinct()
            .order_by(Party.id)
            .limit(50)
        )
    )


def _set_company(session: Session, person: Person | None, party: Party, company: Party | None) -> None:
    if company is None and party.company_id is None:
        return
    if company is not None and (company.kind != PartyKind.COMPANY or company.id == party.id):
        raise UserError("This is not a company.", error_id="bad_company", field="company")
    party.company_id = company.id if company else None
    keep_word(session, person, party, "company", company.name if company else "")


def _set_owner(session: Session, person: Person | None, party: Party, owner_id: int | None) -> None:
    if owner_id is None and party.owner_id is None:
        return
    owner = session.get(User, owner_id) if owner_id is not None else None
    if owner_id is not None and owner is None:
        raise UserError("There is no such colleague.", error_id="bad_owner", field="owner")
    party.owner_id = owner_id
    keep_word(session, person, party, "owner", owner.email if owner else "")


def _set_job_title(session: Session, person: Person | None, party: Party, title: str) -> None:
    if len(title) > LONGEST_NAME:
        raise UserError("Write at most 400 characters.", error_id="job_title", field="job_title")
    party.fields = {name: value for name, value in party.fields.items() if name != "job_title"}
    if title:
        party.fields = {**party.fields, "job_title": title}
    keep_word(session, person, party, "job_title", title)


def keep_word(session: Session, person: Person | None, party: Party, field: str, value: Any) -> None:
    """Keep one row per field for what people said; the last word counts and is locked by who said it."""
    claim = session.scalars(
        select(Claim).where(Claim.party_id == party.id, Claim.field == field, Claim.link_id.is_(None))
    ).first()
    if claim is None:
        claim = Claim(party_id=party.id, field=field, value={})
        session.add(claim)
    claim.value, claim.observed_at = {"value": value}, now()
    claim.locked_by = person.id if person and person.id else None


def touched(session: Session, person: Person | None, party: Party, action: str, **detail: Any) -> None:
    """Count a change, and tell the search, the address books and the audit of it; `fields` are those that changed."""
    party.version += 1
    party.changed_at = now()
    session.flush()
    concerned = [party.id]
    if party.kind == PartyKind.COMPANY and "name" in detail.get("fields", ()):
        concerned += session.scalars(select(Party.id).where(Party.company_id == party.id))
    for one in concerned:
        search.refresh(session, one)
    in_step.tell(session, concerned)
    told.parties(session, types.PARTY_CHANGED, [party], changed=detail.get("fields", (detail.get("kind", ""),)))
    audit.record(session, person, action, "party", party.public_id, **detail)
